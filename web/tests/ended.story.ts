// Endpoints that have ended: they stay until they are put away, and nothing of them is lost then.
import { expect, test, visit } from "./workbench.ts";

test("what has ended stays in sight until it is put away, and its records stay in the capture", async ({ page, bench, nc }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const device = nc("127.0.0.1", String(port));
  device.write("a last word\n");
  const log = page.getByTestId("log");
  await expect(log.locator(".received")).toContainText("a last word");
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await expect(page.getByRole("tab", { name: "e1" })).toContainText("closed");
  await expect(log.locator(".received")).toContainText("a last word");

  // Also for whoever comes later: it is listed until somebody has put it away.
  await page.reload();
  await expect(page.getByRole("tab", { name: "e1" })).toContainText("closed");
  await page.getByRole("tab", { name: "e1" }).click();
  await page.getByRole("button", { name: "Put away", exact: true }).click();
  await expect(page.getByRole("tab")).toHaveCount(1);
  await expect(page.locator(".remarks")).toContainText("e1 is put away. Its records stay in the capture.");
  await expect(log.locator(".received")).toContainText("a last word");
  await expect(page.getByTestId("rx")).toHaveText("12");
  await page.reload();
  await expect(page.getByTestId("rx")).toHaveText("12");
  await expect(page.getByRole("tab")).toHaveCount(1);
});

test("an open endpoint is closed and put away from its tab, and several that have ended at once", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const device = python("import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\nprint('end' if not s.recv(9) else '')", String(port));
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  await page.getByTestId("away-e1").click();
  const question = page.getByRole("dialog", { name: "Close e1?" });
  await expect(question).toContainText("1 peer will be disconnected");
  await question.getByRole("button", { name: "Cancel" }).click();
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  await page.getByTestId("away-e1").click();
  await question.getByRole("button", { name: "Close" }).click();
  await expect.poll(() => device.text).toContain("end");
  await expect(page.getByRole("tab")).toHaveCount(1);

  for (const id of ["e2", "e3"]) {
    await bench.open("udp://127.0.0.1:0");
    await bench.ask("/api/command", { do: "close", endpoint: id });
  }
  await page.getByRole("button", { name: "Put away 2 closed" }).click();
  await expect(page.getByRole("tab")).toHaveCount(1);
  await page.getByRole("tab").press("Delete");
  await expect(page.locator(".remarks")).toContainText("it cannot be closed");
});

test("a connection that does not come about leaves its reason, and no tab", async ({ page, bench }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await bench.ask("/api/command", { do: "close", endpoint: "e1" });
  await bench.ask("/api/command", { do: "dismiss", endpoint: "e1" });
  await visit(page, bench);
  await page.getByLabel("Protocol").selectOption("tcp");
  await page.getByLabel("Remote port").fill(String(port));
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(page.getByRole("alert")).toContainText("nobody listens there");
  await expect(page.getByRole("tab")).toHaveCount(1);
  await expect(page.getByTestId("log").locator(".failed")).toContainText("nobody listens there");
});
