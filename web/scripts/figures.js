// How the page does while records pour in: figures, no verdict.
//
//   npm run figures [RECORDS_PER_SECOND] [SECONDS]        100000 and 30 if not given
//
// A real server (SOCKLAB_BIN, else target/release/socklab) gets datagrams from python3 while Chromium shows them. Then the
// page is opened anew on what was captured, and jumps about in it.
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
const server = spawn(SOCKLAB, ["serve", "--no-open", "--listen", "127.0.0.1:0", "--data", data], { stdio: ["pipe", "pipe", "pipe"] });
const url = await new Promise((resolve, reject) => {
  const hear = (chunk) => {
    const found = /http:\/\/\S+token=[\w-]+/.exec(String(chunk));
    if (found) resolve(new URL(found[0]));
  };
  server.stdout.on("data", hear);
  server.stderr.on("data", hear);
  server.once("exit", (code) => reject(new Error(`socklab ended with ${code}`)));
  server.once("error", reject);
});

async function ask(path, body) {
  const headers = { Authorization: `Bearer ${url.searchParams.get("token")}`, "Content-Type": "application/json" };
  return (await fetch(url.origin + path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers })).json();
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
  const begun = performance.now();
  await page.goto(url.href);
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
  const sender = spawn("python3", ["-c", SENDER, port, String(rate), String(duration)]);
  let sent = "";
  sender.stdout.on("data", (chunk) => (sent += chunk));
  await new Promise((resolve) => sender.once("exit", resolve));
  clearInterval(sampler);
  const { frames, ages } = await page.evaluate(() => ({ frames: globalThis.frames, ages: globalThis.ages }));
  const state = await ask("/api/state");
  // The last change may still be on its way.
  const shown = async () => Number((await page.getByTestId("rx").textContent()).replaceAll(",", ""));
  for (let i = 0; i < 30 && (await shown()) !== state.totals.received; i += 1) await page.waitForTimeout(100);
  const count = await shown();
  console.log(`sent ${sent.trim()} datagrams in ${duration} s; recorded ${state.totals.received_records}, dropped by the system ${state.endpoints[0].dropped}`);
  console.log(`counter on the page ${count === state.totals.received ? "exact" : `${count} instead of ${state.totals.received}`}`);
  console.log(`frames/s ${((frames.length / frames.reduce((sum, each) => sum + each, 0)) * 1000).toFixed(1)}; between two, ms: ${summary(frames)}`);
  console.log(`age of the newest record on screen, ms: ${summary(ages)} (${ages.length} looks)`);
  console.log(`heap, MB: ${summary(heap)}`);

  const again = performance.now();
  await page.reload();
  await page.waitForSelector("[data-seq]");
  console.log(`first screen of ${state.log.next - state.log.first} records after ${(performance.now() - again).toFixed(0)} ms from reloading`);
  const jumps = [];
  for (let i = 0; i < JUMPS; i += 1) {
    const from = Math.floor(state.log.first + ((i * 7919) % 1000) / 1000 * (state.log.next - state.log.first));
    const asked = performance.now();
    await ask(`/api/runs/current/records?from=${from}&limit=120`);
    jumps.push(performance.now() - asked);
  }
  console.log(`a window anywhere, ms: ${summary(jumps)}`);
} finally {
  await browser.close();
  server.removeAllListeners("exit");
  const gone = new Promise((resolve) => server.once("exit", resolve));
  server.kill("SIGINT");
  server.stdin.end();
  await gone;
  rmSync(data, { recursive: true, force: true });
}
