// What somebody has called a peer, and in which encoding it is read: for as long as the run goes on, and of no other run.
import { readFileSync } from "node:fs";
import { expect, test, visit, type Workbench } from "./workbench.ts";

const DEVICE = `
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(bytes.fromhex(sys.argv[2]))
sys.stdin.readline()
s.close()
`;
const GBK = "cec2b6c8"; // 温度
const UTF8 = "e6b8a9e5baa6";

function tell(bench: Workbench, command: object): Promise<unknown> {
  return bench.ask("/api/command", command);
}

async function received(bench: Workbench, bytes: number): Promise<void> {
  await expect.poll(async () => (await bench.ask<{ totals: { received: number } }>("/api/state")).totals.received).toBe(bytes);
}

test("a name and an encoding outlive their peer, and are not another run's", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  const device = python(DEVICE, String(port), GBK);
  await received(bench, 4);
  await visit(page, bench);
  await tell(bench, { do: "encoding", of: "e1.1", encoding: "gbk" });
  await tell(bench, { do: "name", peer: "e1.1", name: "thermometer" });
  const row = page.getByTestId("log").locator(".received");
  await expect(row).toContainText("温度");
  device.write("\n");
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("Nobody yet");
  await page.reload();
  await expect(row).toContainText("温度");
  await expect(row).toContainText("thermometer");
  await row.getByRole("button", { name: "thermometer" }).click();
  await page.getByRole("button", { name: "Export" }).click();
  await expect(page.locator("#log-export")).toContainText("Text is read as each peer's encoding says");
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "jsonl" }).click()]);
  expect(readFileSync(await file.path(), "utf8")).toContain("温度");

  // The next run has an e1.1 of its own.
  await bench.stop();
  await bench.start();
  const again = await bench.open("tcp-listen://127.0.0.1:0");
  python(DEVICE, String(again), UTF8);
  await received(bench, 6);
  await tell(bench, { do: "encoding", of: "e1", encoding: "big5" });
  await tell(bench, { do: "name", peer: "e1.1", name: "another" });
  await visit(page, bench, "captures");
  await page.locator("tbody tr").filter({ hasNotText: "now" }).getByRole("link").first().click();
  await expect(row).toHaveCount(1);
  await expect(row).not.toContainText("another");
  await expect(row.locator(".data")).not.toHaveText("温度");
  await page.getByLabel("Encoding of text").selectOption("gbk");
  await expect(row.locator(".data")).toHaveText("温度");
  await page.keyboard.press("Control+f");
  await page.getByLabel("Search the whole capture").fill("温");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("hits")).toHaveText("1 hit");
  await page.getByRole("radiogroup", { name: "Show bytes as" }).getByText("HEX").click();
  await expect(row.locator(".data")).toHaveText("ce c2 b6 c8");
  await page.getByLabel("Whose records").selectOption("e1.1");
  await expect(page.getByTestId("log").locator(".opened")).toHaveCount(0);
  await expect(row).toHaveCount(1);
});

test("hits are those of the log that is shown, in the encoding of each peer", async ({ page, bench, python }) => {
  const ports = [await bench.open("tcp-listen://127.0.0.1:0"), await bench.open("tcp-listen://127.0.0.1:0")];
  python(DEVICE, String(ports[0]), GBK);
  await received(bench, 4);
  python(DEVICE, String(ports[0]), UTF8);
  await received(bench, 10);
  python(DEVICE, String(ports[1]), UTF8);
  await received(bench, 16);
  await tell(bench, { do: "encoding", of: "e1.1", encoding: "gbk" });
  await visit(page, bench);
  await page.getByRole("tab", { name: "e1" }).click();
  await page.keyboard.press("Control+f");
  await page.getByLabel("Search the whole capture").fill("温");
  await page.keyboard.press("Enter");
  const hits = page.getByTestId("hits");
  await expect(hits).toHaveText("2 hits");
  for (const id of ["e1.1", "e1.2"]) {
    await page.getByRole("button", { name: "Next hit" }).click();
    await expect(page.locator(".marked")).toContainText(id);
    await expect(page.locator(".marked")).toContainText("温度");
  }
  // Another tab has other hits; what was cleared away is shown when one asks for it.
  await page.getByRole("tab", { name: "e2" }).click();
  await expect(hits).toHaveText("1 hit");
  await page.getByRole("button", { name: "Clear", exact: true }).first().click();
  await expect(page.getByTestId("log").locator(".received")).toHaveCount(0);
  await page.getByRole("button", { name: "Next hit" }).click();
  await expect(page.locator(".marked")).toContainText("温度");
});
