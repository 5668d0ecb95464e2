// A file of 100 MB goes to a device that reads, with progress; another is cancelled.
import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test, visit } from "./workbench.ts";

const MB = 1_000_000;
const SIZE = 100 * MB;

function makeFile(path: string): string {
  const hash = createHash("sha256");
  const file = openSync(path, "w");
  for (let i = 0; i < SIZE / MB; i += 1) {
    const piece = Buffer.alloc(MB, `piece ${i} `);
    writeSync(file, piece);
    hash.update(piece);
  }
  closeSync(file);
  return hash.digest("hex");
}

test("send a file of 100 MB with progress", async ({ page, bench, python }) => {
  const path = join(bench.data, "firmware.bin");
  const wanted = makeFile(path);
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  // The device reads a tenth, waits to be told, and reads the rest.
  const device = python(
    `
import hashlib, socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
size, got, hash = int(sys.argv[2]), 0, hashlib.sha256()
while got < size:
    data = s.recv(1 << 20)
    if not data: break
    if got < size // 10 <= got + len(data):
        print("a tenth")
        sys.stdin.readline()
    got += len(data)
    hash.update(data)
print(got, hash.hexdigest())
`,
    String(port), String(SIZE),
  );
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  await page.locator("input[type=file]").setInputFiles(path);
  const job = page.locator(".job");
  await expect(job).toContainText("firmware.bin");
  await expect.poll(() => device.text).toContain("a tenth");
  await expect.poll(async () => Number(await job.locator("progress").getAttribute("value"))).toBeGreaterThan(SIZE / 10);
  expect(Number(await job.locator("progress").getAttribute("value"))).toBeLessThan(SIZE);
  device.write("\n");
  await expect.poll(() => device.text, { timeout: 40_000 }).toContain(`${SIZE} ${wanted}`);
  await expect(job).toHaveCount(0);
  await expect(page.getByTestId("tx")).toHaveText("100,000,000");
});

test("cancel a file", async ({ page, bench, python }) => {
  const path = join(bench.data, "firmware.bin");
  makeFile(path);
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const device = python("import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\nsys.stdin.readline()\nn = 0\nwhile True:\n    d = s.recv(1 << 20)\n    if not d: break\n    n += len(d)\nprint('got', n)", String(port));
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  await page.locator("input[type=file]").setInputFiles(path);
  const job = page.locator(".job");
  await expect(job).toContainText("firmware.bin");
  await job.getByRole("button", { name: "Cancel" }).click();
  await expect(job).toHaveCount(0);
  device.write("\n");
  await page.getByRole("button", { name: "Name, encoding, end" }).or(page.locator(".who")).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Close", exact: true }).last().click();
  await expect.poll(() => device.text).toMatch(/got \d+/);
  expect(Number(/got (\d+)/.exec(device.text)?.[1])).toBeLessThan(SIZE);
});
