// What is written for a board is not lost by accident: not by loading the page anew, not by another program, not with its board.
import { expect, test, visit } from "./workbench.ts";

test("a program outlives the page, and is given up only when that is agreed to", async ({ page, bench }) => {
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  await visit(page, bench, "boards");
  const editor = page.getByRole("textbox", { name: /^Program\./ });
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("print('mine')");
  await page.reload();
  await expect(editor).toHaveText("print('mine')");

  await page.getByLabel("Examples").selectOption("tcp_client");
  const question = page.getByRole("dialog");
  await expect(question).toContainText("Open tcp_client.py instead?");
  await question.getByRole("button", { name: "Cancel" }).click();
  await expect(editor).toHaveText("print('mine')");
  await page.getByRole("button", { name: "Switch this board off" }).click();
  await expect(question).toContainText("Remove desk?");
  await question.getByRole("button", { name: "Cancel" }).click();

  // What is in the flash is not lost, and nothing is asked.
  await page.getByRole("region", { name: "Flash" }).getByRole("button", { name: "Save" }).click();
  await expect(page.locator(".remarks")).toContainText("main.py is in the flash");
  await page.getByLabel("Examples").selectOption("tcp_client");
  await expect(editor).toContainText("import");
  await editor.click();
  await page.keyboard.type("x");
  await page.getByRole("button", { name: "Switch this board off" }).click();
  await question.getByRole("button", { name: "Remove" }).click();
  await expect(page.getByRole("heading", { name: "A new virtual board" })).toBeVisible();
});

test("what was asked of the terminal is not answered again when the console is shown anew", async ({ page, bench }) => {
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  // It asks where the cursor is, and says all that is typed after.
  const source = "import sys\nprint('\\x1b[6n', end='')\nwhile True:\n    c = sys.stdin.read(1)\n    print('typed', ord(c))\n";
  await visit(page, bench, "boards");
  const console_ = page.getByTestId("console");
  await expect(console_).toContainText(">>>");
  await bench.ask("/api/command", { do: "board_run", board: "b1", source });
  await expect(console_).toContainText(`typed ${"R".charCodeAt(0)}`); // the last letter of the answer
  await page.reload();
  await expect(console_).toContainText(`typed ${"R".charCodeAt(0)}`);
  await console_.click();
  await page.keyboard.type("z");
  await expect(console_).toContainText(`typed ${"z".charCodeAt(0)}`);
  expect((await console_.textContent())?.split(`typed ${"R".charCodeAt(0)}`)).toHaveLength(2);
});
