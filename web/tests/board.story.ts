// A virtual board, from the first click to "Hello", its LED, its console, its files and what it is warned of.
import { expect, test, visit } from "./workbench.ts";

test("from first click to Hello, LED and console", async ({ page, bench }) => {
  await page.goto(bench.url);
  await page.getByRole("button", { name: "Try a virtual board" }).click();
  await expect(page.getByRole("heading", { name: "A new virtual board" })).toBeVisible();
  await expect(page.locator("main")).toBeFocused(); // by keyboard one goes on in the view
  await page.getByRole("button", { name: "Create and run" }).click();
  const console_ = page.getByTestId("console");
  await expect(console_).toContainText("Wi-Fi: 192.168.1.", { timeout: 30_000 });
  await expect(page.getByTestId("led")).toHaveClass(/lit/);

  await page.getByRole("link", { name: "Assistant" }).click();
  await expect(page.getByTestId("log").locator(".received")).toContainText("Hello from the board");
  await page.getByLabel("Data to send").fill("LED on");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await page.getByRole("link", { name: "Boards" }).click();
  // What was printed before is there again.
  await expect(console_).toContainText("received: b'LED on'");

  await page.getByRole("button", { name: "Stop" }).click();
  await expect(console_).toContainText("KeyboardInterrupt");
  await expect(console_).toContainText(">>>");
  await expect(page.getByTestId("led")).not.toHaveClass(/lit/);
  await console_.click();
  await page.keyboard.type("print(6 * 7)\n");
  await expect(console_).toContainText("42");
  await page.keyboard.press("F6");
  await expect(page.getByRole("button", { name: "Run" })).toBeFocused();
});

test("a program is edited, warned of on its line, run, and kept in the flash", async ({ page, bench }) => {
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  await visit(page, bench, "boards");
  const editor = page.getByRole("textbox", { name: /^Program\./ });
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("except OSError:\nimport os");
  await expect(page.locator(".cm-tooltip-autocomplete")).toContainText("OSError");
  await page.keyboard.press("Enter"); // ends the line, and makes no other word of it
  await expect(editor).toContainText("import os");
  await expect(editor).not.toContainText("import OSError");
  await page.keyboard.press("Control+a");
  await page.keyboard.type("import os\nos.system('reboot')");
  await expect(page.getByRole("list", { name: "What will not work" })).toContainText("line 2");
  await expect(page.locator(".cm-lintRange-warning")).toHaveText("os.system('reboot')");

  await page.keyboard.press("Control+a");
  await page.keyboard.type("from machine import Pin\nPin(2, Pin.OUT).on()\nprint('lamp', 'lit')");
  await expect(page.getByRole("list", { name: "What will not work" })).toHaveCount(0);
  await page.keyboard.press("F5");
  await expect(page.getByTestId("console")).toContainText("lamp lit");
  await expect(page.getByTestId("led")).toHaveClass(/lit/);

  const flash = page.getByRole("region", { name: "Flash" });
  await flash.getByRole("button", { name: "Save" }).click();
  await expect(flash).toContainText("main.py");
  await flash.locator("input[type=file]").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("from this computer") });
  await expect(flash).toContainText("notes.txt");
  await page.getByTestId("console").click();
  await page.keyboard.type("print(open('notes.txt').read()[:9])\n");
  await expect(page.getByTestId("console")).toContainText("from this");
  await flash.getByRole("button", { name: "Delete notes.txt" }).click();
  await expect(flash).not.toContainText("notes.txt");
});

test("all boards can be created, and removed", async ({ page, bench }) => {
  await visit(page, bench, "boards/new");
  for (const profile of ["k230", "rp2"]) {
    await page.getByRole("radio", { name: /^Empty/ }).check();
    await page.getByRole("radio", { name: new RegExp(`^${profile}`) }).first().check();
    await page.getByRole("button", { name: "Create" }).click();
    await expect(page.getByTestId("console")).toContainText(">>>", { timeout: 30_000 });
    await page.getByRole("button", { name: "New" }).click();
  }
  await expect(page.locator("aside li")).toHaveCount(2);
  await page.locator("aside li a").first().click();
  await page.getByRole("button", { name: "Switch this board off" }).click();
  await expect(page.locator("aside li")).toHaveCount(1);
});

test("a board's prompt and ports are offered to this computer", async ({ page, bench, nc }) => {
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  await visit(page, bench, "boards");
  const reach = page.getByRole("region", { name: "From this computer" });
  await reach.getByRole("button", { name: "Offer it" }).click();
  await expect(reach).toContainText("mpremote connect socket://127.0.0.1:");
  const port = /socket:\/\/127\.0\.0\.1:(\d+)/.exec((await reach.textContent()) ?? "")?.[1] ?? "";
  const tool = nc("127.0.0.1", port);
  tool.write("print('by', 'hand')\r\n");
  await expect.poll(() => tool.text).toContain("by hand");
  // Who sits at the page's console sees the same.
  await expect(page.getByTestId("console")).toContainText("by hand");
  await reach.getByRole("button", { name: "Lead here" }).click();
  await expect(reach).toContainText("leads to port 80 of desk");
});
