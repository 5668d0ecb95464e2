// To any place of a long capture: by the rail beside the log, as fast as one drags it.
import { expect, test, visit } from "./workbench.ts";

const SENDER = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("127.0.0.1", int(sys.argv[1])))
for n in range(3000): s.send(b"n:%d" % n)
`;

test("a rail that is dragged shows where it has come to, and asks for little on the way", async ({ page, bench, python }) => {
  const port = await bench.open("udp://127.0.0.1:0?rcvbuf=8m");
  await python(SENDER, String(port)).ended;
  const last = async () => (await bench.ask<{ log: { next: number } }>("/api/state")).log.next - 1;
  await expect.poll(last).toBeGreaterThan(3000);
  await visit(page, bench);
  const log = page.getByTestId("log");
  await expect(log).toContainText("n:2999");
  let asked = 0;
  page.on("request", (request) => (asked += request.url().includes("/records?") ? 1 : 0));
  await page.locator("input.rail").evaluate((rail: HTMLInputElement) => {
    for (let part = 20; part <= 500; part += 20) {
      rail.value = String(part);
      rail.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
  const middle = Math.floor(1 + ((await last()) / 1000) * 500);
  await expect(log.locator(`[data-seq="${middle}"]`)).toBeInViewport();
  expect(asked).toBeLessThan(8); // for the first, for the last, and for what is scrolled to around it
  // At its ends there is more to see than the margin of what was jumped to.
  await page.locator("input.rail").fill("996");
  await expect(log.locator(`[data-seq="${await last()}"]`)).toBeAttached();
  const rows = await log.locator("[data-seq]").count();
  expect(rows * 20).toBeGreaterThan((await log.boundingBox())?.height ?? Infinity);
  await page.locator("input.rail").fill("0");
  await expect(log.locator(`[data-seq="1"]`)).toBeInViewport();
});
