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

test("axe finds nothing serious at a board's desk, on a busy network and in dialogs", async ({ page, bench, nc }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await bench.ask("/api/command", { do: "board_new", profile: "esp32" });
  await bench.ask("/api/command", { do: "fault", spec: "loss=50%" });
  await bench.ask("/api/command", { do: "board_run", board: "b1", source: "import network, os\nnetwork.WLAN(network.STA_IF).active(True)\nnetwork.WLAN(network.STA_IF).connect('Socklab', '')\nprint(1)" });
  const serious = async (where: string) => {
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.filter((each) => each.impact === "serious" || each.impact === "critical");
    expect(found.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join("; ")}`), where).toEqual([]);
  };
  await visit(page, bench, "boards");
  await page.getByRole("textbox", { name: /^Program\./ }).click();
  await page.keyboard.type("import os\nos.system('x')\n");
  await expect(page.getByRole("list", { name: "What will not work" })).toBeVisible();
  await expect(page.getByTestId("console")).toContainText(">>>");
  await serious("desk");
  await page.goto(`${bench.origin}/#lan`);
  await page.getByLabel("ARP, DHCP and the like too").check();
  await bench.ask("/api/command", { do: "board_reset", board: "b1", hard: true });
  await serious("lan");
  await page.goto(`${bench.origin}/#assistant`);
  nc("127.0.0.1", String(port)).write("hello\n");
  await page.getByRole("region", { name: "Peers" }).getByRole("button", { name: "e1.1" }).first().click();
  await serious("dialog");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+f");
  await page.getByLabel("Search the whole capture").fill("hello");
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("hits")).toHaveText("1 hit");
  await page.getByRole("button", { name: "Next hit" }).click();
  await page.getByLabel("Plot numbers").check();
  await serious("search and plot");
});

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

test("whoever asks for a view sees it, also at the first visit", async ({ page, bench }) => {
  await page.goto(bench.url);
  await expect(page.locator(".ways button")).toHaveCount(3);
  await page.getByRole("link", { name: "LAN" }).click();
  await expect(page.getByRole("region", { name: "Network", exact: true })).toBeVisible();
  await page.evaluate(() => localStorage.clear());
  await page.goto(`${bench.origin}/#boards/new`);
  await page.reload();
  await expect(page.getByRole("heading", { name: "A new virtual board" })).toBeVisible();
});
