// How the page does while records pour in: figures, no verdict.
//
//   npm run figures [RECORDS_PER_SECOND] [SECONDS]        100000 and 30 if not given
//
// A real server (SOCKLAB_BIN, else target/release/socklab) gets datagrams from python3, first with no page and then while
// Chromium shows them. Then it is started again, and the page opens what was captured and jumps about in it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "@playwright/test";

const ROOT = join(import.meta.dirname, "../..");
const SOCKLAB = process.env.SOCKLAB_BIN ?? join(ROOT, "target/release/socklab");
const [rate = 100_000, duration = 30] = process.argv.slice(2).map(Number);
const JUMPS = 30;

const SENDER = `
import socket, sys, time
port, rate, seconds = map(int, sys.argv[1:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", port))
begun, sent = time.monotonic(), 0
while (passed := time.monotonic() - begun) < seconds:
    wanted = int(passed * rate)
    while sent < wanted:
        s.send(b"n:%d,rest:%d" % (sent, sent % 1000))
        sent += 1
    time.sleep(0.0005)
print(sent)
`;

const data = mkdtempSync(join(tmpdir(), "socklab-figures-"));

async function start() {
  const process = spawn(SOCKLAB, ["serve", "--no-open", "--listen", "127.0.0.1:0", "--data", data], { stdio: ["pipe", "pipe", "pipe"] });
  const url = await new Promise((resolve, reject) => {
    const hear = (chunk) => {
      const found = /http:\/\/\S+token=[\w-]+/.exec(String(chunk));
      if (found) resolve(new URL(found[0]));
    };
    process.stdout.on("data", hear);
    process.stderr.on("data", hear);
    process.once("exit", (code) => reject(new Error(`socklab ended with ${code}`)));
    process.once("error", reject);
  });
  return { process, url };
}

async function stop({ process }) {
  const gone = new Promise((resolve) => process.once("exit", resolve));
  process.kill("SIGINT");
  process.stdin.end();
  await gone;
}

let server = await start();

async function ask(path, body) {
  const headers = { Authorization: `Bearer ${server.url.searchParams.get("token")}`, "Content-Type": "application/json" };
  return (await fetch(server.url.origin + path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers })).json();
}

/** Sends for so many seconds, and gives how much was sent and how much of it was recorded. */
async function pour(port, seconds) {
  const before = (await ask("/api/state")).totals.received_records;
  const sender = spawn("python3", ["-c", SENDER, port, String(rate), String(seconds)]);
  let sent = "";
  sender.stdout.on("data", (chunk) => (sent += chunk));
  await new Promise((resolve) => sender.once("exit", resolve));
  const recorded = (await ask("/api/state")).totals.received_records - before;
  return { sent: Number(sent), recorded, perSecond: recorded / seconds };
}

const summary = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part) => (sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN).toFixed(0);
  return `median ${at(0.5)}, 99 % ${at(0.99)}, worst ${at(1)}`;
};

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.addInitScript(() => localStorage.setItem("socklab.been", "true"));
  const opened = await ask("/api/command", { do: "open", url: "udp://127.0.0.1:0?rcvbuf=8m" });
  const port = /:(\d+)\?/.exec(opened.url)[1];
  const alone = await pour(port, Math.min(duration, 30));
  const begun = performance.now();
  await page.goto(server.url.href);
  await page.waitForSelector("footer .led.on");
  console.log(`usable after ${(performance.now() - begun).toFixed(0)} ms`);

  await page.evaluate(() => {
    globalThis.frames = [];
    globalThis.ages = [];
    let last = performance.now();
    const next = (now) => {
      frames.push(now - last);
      last = now;
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
    // How old the newest row is: its time against the clock, as often as rows change.
    new MutationObserver(() => {
      const text = [...document.querySelectorAll("[data-seq]")].at(-1)?.querySelector(".time")?.textContent;
      if (!text) return;
      const [hours, minutes, seconds] = text.split(":").map(Number);
      ages.push(Date.now() - new Date().setHours(hours, minutes, 0, 0) - seconds * 1000);
    }).observe(document.querySelector("[data-testid=log]"), { childList: true });
  });
  const tools = await page.context().newCDPSession(page);
  await tools.send("Performance.enable");
  const heap = [];
  const sampler = setInterval(async () => {
    const { metrics } = await tools.send("Performance.getMetrics");
    heap.push(metrics.find((metric) => metric.name === "JSHeapUsedSize").value / 1e6);
  }, 1000);
  const looked = await pour(port, duration);
  clearInterval(sampler);
  const { frames, ages } = await page.evaluate(() => ({ frames: globalThis.frames, ages: globalThis.ages }));
  const state = await ask("/api/state");
  // The last change may still be on its way.
  const shown = async () => Number((await page.getByTestId("rx").textContent()).replaceAll(",", ""));
  for (let i = 0; i < 30 && (await shown()) !== state.totals.received; i += 1) await page.waitForTimeout(100);
  const count = await shown();
  const told = ({ sent, recorded, perSecond }) => `sent ${sent}, recorded ${recorded} (${perSecond.toFixed(0)}/s)`;
  console.log(`no page: ${told(alone)}`);
  console.log(`a page:  ${told(looked)}; ratio of the rates ${(looked.perSecond / alone.perSecond).toFixed(2)}; dropped by the system in all ${state.endpoints[0].dropped}`);
  console.log(`counter on the page ${count === state.totals.received ? "exact" : `${count} instead of ${state.totals.received}`}`);
  console.log(`frames/s ${((frames.length / frames.reduce((sum, each) => sum + each, 0)) * 1000).toFixed(1)}; between two, ms: ${summary(frames)}`);
  console.log(`age of the newest record on screen, ms: ${summary(ages)} (${ages.length} looks)`);
  console.log(`heap, MB: ${summary(heap)}`);

  await stop(server);
  server = await start();
  const records = state.log.next - state.log.first;
  await page.goto(server.url.href);
  await page.goto(`${server.url.origin}/#captures`);
  const run = page.locator("tbody tr", { hasNot: page.locator(".live") }).getByRole("link").first();
  await run.waitFor();
  /** Does something, and gives the milliseconds until the frame in which a row near this record is there. */
  const untilShown = (element, act, seq, near) =>
    element.evaluate(
      (target, { act, seq, near }) =>
        new Promise((resolve) => {
          const begun = performance.now();
          const look = () => {
            const rows = [...document.querySelectorAll("[data-seq]")].map((row) => Number(row.dataset.seq));
            if (rows.some((row) => Math.abs(row - seq) <= near)) resolve(performance.now() - begun);
            else requestAnimationFrame(look);
          };
          if (act === "click") target.click();
          else {
            target.value = String(act);
            target.dispatchEvent(new Event("input", { bubbles: true }));
          }
          requestAnimationFrame(look);
        }),
      { act, seq, near },
    );
  const screen = await untilShown(run, "click", state.log.next, 100);
  console.log(`first screen of ${records} records after ${screen.toFixed(0)} ms`);
  const rail = page.locator("input.rail");
  const jumps = [];
  for (let i = 0; i < JUMPS; i += 1) {
    const part = ((i + 1) * 7919) % 999;
    jumps.push(await untilShown(rail, part, Math.floor(state.log.first + (part / 1000) * records), 100));
  }
  console.log(`a jump anywhere, until it is on the screen, ms: ${summary(jumps)}`);
} finally {
  await browser.close();
  await stop(server);
  rmSync(data, { recursive: true, force: true });
}
