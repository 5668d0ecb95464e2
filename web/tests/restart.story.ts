// The server ends and comes back: the page says so, and goes on by itself; with another token, it says what to do.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, visit, Workbench } from "./workbench.ts";

test("reconnect after the server restarts", async ({ page, bench, nc }) => {
  await bench.stop();
  await bench.start(0, "same-token-every-time-0123456789");
  await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  await expect(page.getByRole("tab")).toHaveCount(2);
  const { port, token } = bench;
  await bench.stop();
  await expect(page.locator("footer").getByText("Socklab does not answer")).toBeVisible();
  await bench.start(port, token);
  await expect(page.locator("footer").getByText("Ready")).toBeVisible();
  // It is another run, with no endpoint: what the page shows is what there is.
  await expect(page.getByRole("tab")).toHaveCount(1);
  const device = await bench.open("tcp-listen://127.0.0.1:0");
  nc("127.0.0.1", String(device)).write("after the restart");
  await expect(page.getByTestId("log")).toContainText("after the restart");
});

test("without a server, what is asked for says so in the reader's language", async ({ page, bench }) => {
  await visit(page, bench);
  await page.getByRole("button", { name: "中文" }).click();
  await page.keyboard.press("Control+f");
  await page.keyboard.type("x");
  await bench.stop();
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("hits")).toHaveText("Socklab 没有应答（“Failed to fetch”）");
});

test("a server with another token asks for its link", async ({ page, bench }) => {
  await visit(page, bench);
  const { port } = bench;
  await bench.stop();
  await bench.start(port, "another-token-0123456789abcdef01");
  await expect(page.getByRole("heading", { name: "no key" })).toBeVisible();
  await page.goto(bench.url);
  await expect(page.locator("footer").getByText("Ready")).toBeVisible();
  expect(page.url()).not.toContain("token");
});

test("two servers side by side keep their pages apart", async ({ page, bench, context }) => {
  const data = mkdtempSync(join(tmpdir(), "socklab-web-"));
  const other = new Workbench(data);
  await other.start(0, "the-other-one-0123456789abcdef0123");
  try {
    await visit(page, bench);
    const second = await context.newPage();
    await visit(second, other);
    await other.open("udp://127.0.0.1:0");
    await expect(second.getByRole("tab")).toHaveCount(2);
    // Signing in there has not signed this one out.
    await page.reload();
    await expect(page.locator("footer").getByText("Ready")).toBeVisible();
    await expect(page.getByRole("tab")).toHaveCount(1);
  } finally {
    await other.stop();
    rmSync(data, { recursive: true, force: true });
  }
});
