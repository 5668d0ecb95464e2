// What is said of what went wrong lies over nothing that can be clicked.
import type { Page } from "@playwright/test";
import { expect, test, visit } from "./workbench.ts";

/** Nothing of the view or of the foot is under what is said, and all that was said is on the screen. */
async function coversNothing(page: Page): Promise<void> {
  await expect(page.locator(".remark")).not.toHaveCount(0);
  const boxes = await page.evaluate(() => {
    const box = (selector: string) => document.querySelector(selector)?.getBoundingClientRect() ?? new DOMRect();
    const [view, said, foot] = [box("main"), box(".remarks"), box("footer")];
    return { view: view.bottom, top: said.top, bottom: said.bottom, foot: foot.top, end: foot.bottom, screen: innerHeight };
  });
  expect(boxes.view).toBeLessThanOrEqual(boxes.top);
  expect(boxes.bottom).toBeLessThanOrEqual(boxes.foot);
  expect(boxes.end).toBeLessThanOrEqual(boxes.screen);
}

for (const width of [1280, 390]) {
  test(`an error has a place of its own, ${width} px wide`, async ({ page, bench }) => {
    await page.setViewportSize({ width, height: 800 });
    const taken = await bench.open("tcp-listen://127.0.0.1:0");
    await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
    await visit(page, bench);
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await page.getByLabel("Local port").fill(String(taken));
    await page.locator("form button.primary").click();
    await expect(page.getByRole("alert")).toContainText("in use");
    await coversNothing(page);
    for (const view of ["boards", "lan", "captures"]) {
      await page.goto(`${bench.origin}/#${view}`);
      await coversNothing(page);
    }
    // Another try has an error of its own, and not that of the one before as well.
    await page.goto(`${bench.origin}/#assistant`);
    await page.getByLabel("Local port").fill("99999");
    await page.locator("form button.primary").click();
    await expect(page.getByRole("alert")).toHaveText(["port 99999 is out of range (0 to 65535)"]);
    await page.getByRole("alert").getByRole("button", { name: "Dismiss" }).click();
    await expect(page.getByRole("alert")).toHaveCount(0);
  });
}
