// Hex and GBK, both ways.
import { expect, test, visit } from "./workbench.ts";

const DEVICE = "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\nfor line in sys.stdin:\n    if line.startswith('?'): print(s.recv(100).hex())\n    else: s.sendall(bytes.fromhex(line))";

test("hex is sent as bytes, shown as bytes, and refused where it is none", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const device = python(DEVICE, String(port));
  device.write("01 83 00 ff\n");
  await page.locator(".settings").getByText("HEX", { exact: true }).click();
  await expect(page.getByTestId("log").locator(".received .data")).toHaveText("01 83 00 ff");
  await page.locator(".composer").getByText("HEX", { exact: true }).click();
  const field = page.getByLabel("Data to send");
  await field.fill("01 03 0");
  await expect(page.getByText("A hex digit is missing")).toBeVisible();
  await expect(page.getByRole("button", { name: "Send", exact: true })).toBeDisabled();
  await field.fill("01 xx");
  await expect(page.getByText("Not hex")).toBeVisible();
  await field.fill("0x01,0x03: 00 0002c40b");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  device.write("?\n");
  await expect.poll(() => device.text).toContain("0103000002c40b");
});

test("GBK, with a character cut in two by two reads", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const device = python(DEVICE, String(port));
  device.write("ce c2 b6\n"); // 温 and half of 度
  const rows = page.getByTestId("log").locator(".received .data");
  await expect(rows).toHaveCount(1);
  device.write("c8 3d\n");
  await expect(rows).toHaveCount(2);
  await page.getByLabel("Encoding of text").selectOption("gbk");
  await expect(rows.nth(0)).toHaveText("温");
  await expect(rows.nth(1)).toHaveText("度=");
  await page.getByLabel("Data to send").fill("打开");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  device.write("?\n");
  await expect.poll(() => device.text).toContain("b4f2bfaa");
  await expect(page.getByTestId("log").locator(".sent .data")).toHaveText("打开");
});

test("a long record is cut between two characters, and what comes behind it goes on where it ended", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  await page.getByLabel("Encoding of text").selectOption("gbk");
  const device = python(DEVICE, String(port));
  const log = page.getByTestId("log");
  const rows = log.locator(".received .data");
  const wen = "cec2"; // 温
  // A letter first, so that the cut is amid a character; each ends with half of 度. What is left out: little, much with
  // a line break near its end, and two bytes a letter throughout.
  const records = [`61${wen.repeat(2060)}b6`, `c862${wen.repeat(5000)}0a${wen.repeat(7)}b6`, `c8${wen.repeat(6000)}b6`];
  for (const [n, record] of records.entries()) {
    device.write(`${record}\n`);
    await expect(rows).toHaveCount(n + 1);
  }
  device.write("c83d\n");
  await expect(rows).toHaveCount(records.length + 1);
  for (const [n, first] of ["a温温", "度b温温", "度温温"].entries()) await expect(rows.nth(n)).toHaveText(new RegExp(`^${first}`));
  await expect(rows.last()).toHaveText("度=");
  await expect(log).not.toContainText("\ufffd");
  await page.locator(".settings").getByText("Both", { exact: true }).click();
  await expect(log.locator(".received pre")).toHaveCount(records.length + 1);
  await expect(log).not.toContainText("\ufffd");
});

test("escapes are sent as what they stand for", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const device = python(DEVICE, String(port));
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  await page.locator(".composer").getByText("Escapes", { exact: true }).click();
  await page.getByLabel("Data to send").fill("AT\\r\\n\\x00");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  device.write("?\n");
  await expect.poll(() => device.text).toContain("41540d0a00");
});

test("hex is judged here as the server judges it", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  python(DEVICE, String(port));
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  await page.locator(".composer").getByText("HEX", { exact: true }).click();
  const field = page.getByLabel("Data to send");
  const habits = [
    "0102ff", " 01\t02\nfF ", "01:02:ff", "01,02;ff,", "0x01, 0x02, 0XfF", "0x0102ff", "0x010x02", "\\x01\\x02", "\\X0102 \\xff", "01\u00a002\u3000ff",
    "01 02 f", "1 2", "0x1,0x2", "01 0 2", "010", "0\\x01", "01g2", "0g", "01-02", "01 \\n", "0xg1", "0x0x01", "01 \uff11", "0\u202e", "0x", "01 0X 02", "\\x\\x01", "01\ufeff02",
  ];
  for (const hex of habits) {
    const bytes = await bench.ask("/api/command", { do: "send", to: "all", data: { hex } }).then(() => true, () => false);
    await field.fill(hex);
    await expect(field, JSON.stringify(hex)).toHaveAttribute("aria-invalid", String(!bytes));
  }
});
