// A capture of a gigabyte is searched while one reads on; a hit is one click away.
import { expect, test, visit } from "./workbench.ts";

const GIB = 1 << 30;

test("search a capture of 1 GiB", async ({ page, bench, python }) => {
  test.setTimeout(240_000);
  const port = await bench.open("tcp-listen://127.0.0.1:0?rcvbuf=4m");
  const device = python(
    `
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
size, piece = int(sys.argv[2]), b"nothing to see here, " * 50000
s.sendall(b"the first needle\\n")
sent = 0
while sent < size:
    s.sendall(piece)
    sent += len(piece)
s.sendall(b"\\nthe last needle\\n")
print("sent", sent)
sys.stdin.read()
`,
    String(port), String(GIB),
  );
  await expect.poll(() => device.text, { timeout: 180_000 }).toContain("sent");
  const total = (Number(/sent (\d+)/.exec(device.text)?.[1]) + "the first needle\n\nthe last needle\n".length).toLocaleString("en-US");
  await visit(page, bench);
  await expect(page.getByTestId("rx")).toHaveText(total, { timeout: 60_000 });
  await page.keyboard.press("Control+f");
  await page.getByLabel("Search the whole capture").fill("needle");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("hits")).toHaveText("2 hits", { timeout: 60_000 });
  await page.getByRole("button", { name: "Next hit" }).click();
  await expect(page.locator(".marked")).toContainText("the first needle");
  await page.getByRole("button", { name: "Previous hit" }).click();
  await expect(page.locator(".marked")).toContainText("the last needle");
  // A search that finds nothing says so, and a wrong pattern says what is wrong with it.
  await page.getByLabel("Search for").selectOption("regex");
  await page.getByLabel("Search the whole capture").fill("needle (");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("hits").locator(".bad")).toBeVisible();
});
