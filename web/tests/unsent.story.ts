// Nothing is done in silence: what was not sent says why, beside where it was typed, in both languages.
import { expect, test, visit } from "./workbench.ts";

test("Ctrl+Enter says why nothing was sent", async ({ page, bench, nc }) => {
  await visit(page, bench);
  const field = page.getByLabel("Data to send");
  const said = page.locator("#composer-state");
  await expect(said).toHaveAttribute("aria-live", "polite");
  await field.fill("hello");
  await field.press("Control+Enter");
  await expect(said).toHaveText("Not sent: no endpoint is open");
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await expect(page.getByRole("tab", { name: "e1" })).toBeVisible();
  await field.press("Control+Enter");
  await expect(said).toHaveText("Not sent: nobody is connected");
  await page.getByRole("button", { name: "Send", exact: true }).click({ force: true });
  await expect(said).toHaveText("Not sent: nobody is connected");
  await page.getByRole("button", { name: "中文" }).click();
  await expect(said).toHaveText("未发送：没有已连接的对端");
  await page.getByRole("button", { name: "English" }).click();
  await field.press("x");
  await expect(said).toHaveText("Nobody is connected"); // what was typed anew was not tried yet

  nc("127.0.0.1", String(port));
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  await field.fill("");
  await field.press("Control+Enter");
  await expect(said).toHaveText("Not sent: nothing was typed");
  await field.press("Control+ArrowUp");
  await expect(said).toHaveText("Not sent: nothing was sent before");
  await page.getByRole("radiogroup", { name: "Format" }).getByRole("radio", { name: "HEX" }).check({ force: true });
  await field.fill("0g");
  await field.press("Control+Enter");
  await expect(said).toContainText("Not sent: not hex");
  await page.getByRole("spinbutton").fill("0");
  await field.fill("00");
  await page.getByRole("button", { name: "Repeat" }).click();
  await expect(said).toHaveText("Not sent: the pause is 1 to 86400000 ms");
  await field.press("Control+Enter");
  await expect(said).toHaveText("Sent to 1 peer");
  await expect(page.getByTestId("tx")).toHaveText("1");
});

test("a search for nothing says so", async ({ page, bench }) => {
  await visit(page, bench);
  await page.keyboard.press("Control+f");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("hits")).toHaveText("Type what to look for");
});

test("what is too long for a datagram is not taken for sent", async ({ page, bench }) => {
  await bench.open("udp://127.0.0.1:0");
  await bench.ask("/api/command", { do: "add_peer", endpoint: "e1", target: "127.0.0.1:9" });
  await visit(page, bench);
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("127.0.0.1:9");
  const box = page.getByLabel("Data to send");
  const said = page.locator("#composer-state");
  await box.fill("x".repeat(65_508));
  await box.press("Control+Enter");
  await expect(said).toHaveText("Not sent: a UDP datagram holds at most 65507 bytes");
  await expect(page.getByTestId("tx")).toHaveText("0");
});
