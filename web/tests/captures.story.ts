// Old captures: listed, read, exported as Wireshark reads them, and deleted.
import { readFileSync } from "node:fs";
import { expect, test, visit } from "./workbench.ts";

test("an old capture is read, downloaded and deleted", async ({ page, bench, nc }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  nc("127.0.0.1", String(port)).write("from the first run\n");
  await expect.poll(async () => (await bench.ask<{ totals: { received: number } }>("/api/state")).totals.received).toBe(19);
  await bench.stop();
  await bench.start();
  await visit(page, bench, "captures");
  const rows = page.locator("tbody tr");
  await expect(rows).toHaveCount(2);
  const old = rows.filter({ hasNotText: "now" });
  await old.getByRole("link").first().click();
  await expect(page.getByTestId("log").locator(".received")).toContainText("from the first run");

  const [file] = await Promise.all([page.waitForEvent("download"), old.getByRole("link", { name: "Download for Wireshark" }).click()]);
  const bytes = readFileSync(await file.path());
  expect(bytes.subarray(0, 4).toString("hex")).toBe("0a0d0d0a"); // a Section Header Block
  expect(bytes.includes("from the first run")).toBe(true);

  await page.getByRole("button", { name: "Export" }).click();
  const [text] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "netassist" }).click()]);
  expect(readFileSync(await text.path(), "utf8")).toMatch(/# RECV ASCII FROM 127\.0\.0\.1 :\d+>\s+from the first run/);

  await old.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  await expect(rows).toHaveCount(2);
  await old.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await expect(rows).toHaveCount(1);
  await expect(rows.getByRole("button", { name: "Delete" })).toBeDisabled();
});

test("the view is paused and cleared, the capture goes on", async ({ page, bench, nc }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const device = nc("127.0.0.1", String(port));
  const rows = page.getByTestId("log").locator(".received");
  device.write("one\n");
  await expect(rows).toHaveCount(1);
  await page.getByRole("button", { name: "Pause" }).click();
  device.write("two\n");
  await expect(page.getByTestId("rx")).toHaveText("8");
  await expect(page.getByRole("button", { name: "1 newer" })).toBeVisible();
  await expect(rows).toHaveCount(1);
  await page.getByRole("button", { name: "1 newer" }).click();
  await expect(rows).toHaveCount(2);
  await page.getByRole("button", { name: "Clear", exact: true }).first().click();
  await expect(rows).toHaveCount(0);
  device.write("three\n");
  await expect(rows).toHaveText(/three/);
  await page.getByRole("button", { name: "Reset" }).click();
  await expect(page.getByTestId("rx")).toHaveText("0");
});
