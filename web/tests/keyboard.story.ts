// Everything by keyboard: no mouse from the first key to the last.
import type { Page } from "@playwright/test";
import { expect, test, visit } from "./workbench.ts";

/** Presses Tab until what has the focus matches; what cannot be reached in a round of the page fails. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let i = 0; i < 80; i += 1) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${selector}`);
}

test("open, send, find, pause and close by keyboard", async ({ page, bench, python }) => {
  await visit(page, bench);
  await tabTo(page, ".settings select");
  await page.keyboard.press("Home"); // TCP server
  await page.keyboard.press("Tab");
  await page.keyboard.type("127"); // the local address that begins so
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("0");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab", { name: "e1" })).toBeFocused(); // one goes on from what was opened
  const url = page.locator(".settings .url");
  await expect(url).toContainText("tcp-listen://127.0.0.1:");
  const port = /:(\d+)/.exec((await url.textContent()) ?? "")?.[1] ?? "";
  const device = python("import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\ns.sendall(b'needle in the hay\\n')\nwhile True:\n    d = s.recv(100)\n    print(d)\n    if not d: break", port);
  await expect(page.getByTestId("log")).toContainText("needle");
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1"); // there is somebody to send to

  await tabTo(page, "textarea");
  await page.keyboard.type("by keyboard");
  await page.keyboard.press("Control+Enter");
  await expect.poll(() => device.text).toContain("by keyboard");
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Control+ArrowUp");
  await expect(page.locator("textarea")).toHaveValue("by keyboard");

  // What has the focus can be seen.
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
  expect(outline).toBe("solid");

  await page.keyboard.press("Control+f");
  await page.keyboard.type("needle");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("hits")).toHaveText("1 hit");
  await tabTo(page, "[aria-label='Next hit']");
  await page.keyboard.press("Enter");
  await expect(page.locator(".marked")).toContainText("needle");
  await page.keyboard.press("Escape");
  await expect(page.locator(".search")).toHaveCount(0);

  // The endpoint's tab: with the arrows to it, with Delete closed.
  await tabTo(page, "[role=tab][aria-selected=true]");
  await page.keyboard.press("Delete");
  await tabTo(page, "dialog .danger");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab")).toHaveCount(1);
  await expect(page.getByRole("tab")).toBeFocused();
  await expect.poll(() => device.text).toContain("b''");

  await tabTo(page, "nav a[href='#captures']");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Captures" })).toBeVisible();
});

test("on a narrow screen, what closes a tab is reached with Tab", async ({ page, bench }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await bench.open("tcp-listen://127.0.0.1:0");
  await bench.open("udp://127.0.0.1:0");
  await visit(page, bench);
  await page.getByRole("tab", { name: "e1" }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  const close = page.getByRole("button", { name: "e1: Close and put away" });
  await expect(close).toBeFocused();
  const box = await close.boundingBox();
  expect(box?.width).toBeGreaterThan(80); // it is seen while it has the focus
  expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(390);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("tab")).toHaveCount(2);
  await expect(page.getByRole("tab", { name: "e2" })).toBeFocused();
  await page.keyboard.press("Backspace"); // "delete" on a Mac
  await expect(page.getByRole("tab")).toHaveCount(1);
});
