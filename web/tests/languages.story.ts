// Both languages, in every view; and no serious fault for those who use the page by other means than eyes and mouse.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test, visit } from "./workbench.ts";

const WORDS = {
  en: { assistant: "Network", boards: "A new virtual board", lan: "Who is on it", captures: "Captures" },
  zh: { assistant: "网络设置", boards: "新建虚拟板子", lan: "网络成员", captures: "抓取记录" },
} as const;

for (const lang of ["en", "zh"] as const) {
  for (const theme of ["light", "dark"] as const) {
    test(`every view speaks ${lang}, and axe finds nothing serious in ${theme}`, async ({ page, bench, nc }) => {
      await page.addInitScript((theme) => localStorage.setItem("socklab.theme", JSON.stringify(theme)), theme);
      const port = await bench.open("tcp-listen://127.0.0.1:0");
      await visit(page, bench);
      nc("127.0.0.1", String(port)).write("hello\n");
      await expect(page.getByTestId("log").locator(".received")).toContainText("hello");
      if (lang === "zh") await page.getByRole("button", { name: "中文" }).click();
      await expect(page.locator("html")).toHaveAttribute("lang", lang === "zh" ? "zh-CN" : "en");
      for (const view of ["assistant", "boards", "lan", "captures"] as const) {
        await page.goto(`${bench.origin}/#${view}`);
        await expect(page.getByRole("heading", { name: WORDS[lang][view] }).first()).toBeVisible();
        const { violations } = await new AxeBuilder({ page }).analyze();
        const serious = violations.filter((each) => each.impact === "serious" || each.impact === "critical");
        expect(serious.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join("; ")}`), view).toEqual([]);
      }
      // What was chosen holds after a reload.
      await page.reload();
      await expect(page.locator("html")).toHaveAttribute("lang", lang === "zh" ? "zh-CN" : "en");
    });
  }
}

test("the server's errors are in the language of the page", async ({ page, bench }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  await page.getByRole("button", { name: "中文" }).click();
  await page.getByRole("button", { name: "打开" }).first().click();
  await page.getByLabel("本地主机地址").selectOption("127.0.0.1");
  await page.getByLabel("本地主机端口").fill(String(port));
  await page.getByRole("button", { name: "打开" }).last().click();
  await expect(page.getByRole("alert")).toContainText("EADDRINUSE");
  await expect(page.getByRole("alert")).toContainText(/[\u4e00-\u9fff]/);
});

test("the first visit has three ways to begin", async ({ page, bench }) => {
  await page.goto(bench.url);
  await expect(page.locator(".ways button")).toHaveCount(3);
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.filter((each) => each.impact === "serious" || each.impact === "critical")).toEqual([]);
  await page.getByRole("button", { name: "Look at an old capture" }).click();
  await expect(page).toHaveURL(/#captures$/);
  await page.goto(bench.origin);
  await expect(page.locator(".ways")).toHaveCount(0);
});
