// What goes wrong is said where one looks, and for as long as it is so: a board's program that fails, a full disk, a file
// of which a device gets a part, a peer that has ended its half.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, isTaken, test, visit, Workbench } from "./workbench.ts";

// It dials a port on which nobody listens, with nothing around that would catch what comes of it.
const DIALLER = `
import network, socket, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected(): time.sleep_ms(20)
socket.socket().connect(("192.168.1.115", PORT))
`;

test("why a program failed stands under it, in the reader's language", async ({ page, bench, python }) => {
  // A port that is free once the program that has shown it is gone.
  const probe = python("import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1])");
  await expect.poll(() => probe.text).toMatch(/\d+\n/);
  const port = Number(probe.text);
  await expect.poll(() => isTaken(port)).toBe(false);
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  await visit(page, bench, "boards");
  const notes = page.getByRole("list", { name: "What became of the program" });
  await expect(notes).toHaveCount(0);
  await bench.ask("/api/command", { do: "board_run", board: "b1", source: DIALLER.replace("PORT", String(port)) });
  await expect(notes).toContainText(`desk dialled 192.168.1.115:${port}: nobody listens on port ${port}`);
  await expect(notes).toContainText("ECONNRESET");
  await page.getByRole("button", { name: "中文" }).click();
  const chinese = page.getByRole("list", { name: "程序运行中发生的情况" });
  await expect(chinese).toContainText(`没有程序监听端口 ${port}`);
  await expect(chinese).not.toContainText("nobody listens");
});

test("a full disk is said until there is room", async ({ page }) => {
  test.skip(process.platform !== "linux", "the small disk is one of Linux");
  const small = mkdtempSync(join(tmpdir(), "socklab-web-"));
  const mount = 'mount -t tmpfs -o size=2m tmpfs "$1" && echo mounted && exec cat';
  const holder = spawn("unshare", [process.getuid?.() === 0 ? "-m" : "-rm", "sh", "-c", mount, "sh", small]);
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  const data = `/proc/${holder.pid}/root${small}`;
  writeFileSync(`${data}/ballast`, Buffer.alloc(1 << 20));
  const bench = new Workbench(data);
  await bench.start();
  try {
    const port = await bench.open("tcp-listen://127.0.0.1:0");
    await visit(page, bench);
    await expect(page.locator("footer")).toContainText("Ready");
    const device = spawn("python3", ["-c", "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\ns.sendall(b'x' * 1500000)\nsys.stdin.read()", String(port)]);
    const banner = page.locator(".standing");
    await expect(banner).toContainText(/no space left on the disk.*reading has stopped/);
    await expect(page.locator("footer")).not.toContainText("Ready");
    await page.reload();
    await expect(banner).toContainText("no space left on the disk");
    rmSync(`${data}/ballast`);
    await expect(banner).toHaveCount(0);
    await expect(page.locator("footer")).toContainText("Ready");
    await expect(page.getByTestId("rx")).toHaveText("1,500,000");
    device.stdin.end();
  } finally {
    await bench.stop();
    holder.stdin.end();
    rmSync(small, { recursive: true, force: true });
  }
});

test("a file that one of two devices gets only in part is not called sent", async ({ page, bench, python }) => {
  const path = join(bench.data, "firmware.bin");
  writeFileSync(path, Buffer.alloc(64 << 20, "x"));
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const dial = "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n";
  const peers = page.getByRole("region", { name: "Peers" });
  const reader = python(`${dial}n = 0\nwhile n < 64 << 20: n += len(s.recv(1 << 20))\nprint(n)\nsys.stdin.read()`, String(port));
  await expect(peers).toContainText("e1.1");
  const deaf = python(`${dial}sys.stdin.readline()`, String(port));
  await expect(peers).toContainText("e1.2");
  await page.locator("input[type=file]").setInputFiles(path);
  // What waits for the one that does not read.
  await expect(peers).toContainText(/\+\d/);
  deaf.write("\n");
  const said = page.locator(".remarks .warn");
  await expect(said).toContainText("firmware.bin was not sent in full: 1 peer got all of it; e1.2 got ");
  await expect.poll(() => reader.text).toContain(String(64 << 20));
  await page.locator("input[type=file]").setInputFiles({ name: "none.bin", mimeType: "application/octet-stream", buffer: Buffer.alloc(0) });
  await expect(page.locator(".remarks")).toContainText("none.bin is empty: nothing was sent");
  await page.locator("input[type=file]").setInputFiles({ name: "small.bin", mimeType: "application/octet-stream", buffer: Buffer.from("small") });
  await expect(page.locator(".remarks")).toContainText("small.bin was sent to 1 peer");
});

test("a peer that is half-closed has another lamp", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  python("import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\nsys.stdin.read()", String(port));
  const peer = page.getByRole("region", { name: "Peers" }).locator(".peer");
  await expect(peer.locator(".led")).toHaveClass(/on/);
  await bench.ask("/api/command", { do: "end", peers: { peers: ["e1.1"] }, how: "half-close" });
  await expect(peer).toContainText("we send no more");
  await expect(peer.locator(".led")).not.toHaveClass(/on/);
});
