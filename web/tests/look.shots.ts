// Pictures of every view, in both themes, both languages and two widths.
import { expect, test, visit, type Client } from "./workbench.ts";

const LANGS = ["en", "zh"] as const;
const THEMES = ["light", "dark"] as const;
const WIDTHS = [1280, 390] as const;
const ONLY = process.env["SHOTS"]?.split(",");

for (const lang of LANGS) {
  for (const theme of THEMES) {
    for (const width of WIDTHS) {
      const name = `${lang}-${theme}-${width}`;
      if (ONLY && !ONLY.includes(name)) continue;
      test(name, async ({ page, bench, python }) => {
        const shot = (view: string) => page.screenshot({ path: `shots/${view}-${name}.png` });
        await page.setViewportSize({ width, height: width === 390 ? 844 : 800 });
        await page.addInitScript(([lang, theme]) => {
          localStorage.setItem("socklab.lang", JSON.stringify(lang));
          localStorage.setItem("socklab.theme", JSON.stringify(theme));
        }, [lang, theme] as const);
        await page.goto(bench.url);
        await expect(page.locator(".ways button")).toHaveCount(3);
        await shot("welcome");

        await visit(page, bench);
        await shot("assistant-empty");
        const port = await bench.open("tcp-listen://127.0.0.1:0");
        await bench.open("udp://127.0.0.1:0");
        await page.getByRole("tab").nth(1).click();
        const clients: Client[] = [];
        for (const [i, hello] of ["Hello 01Studio!", "温度 temp=23.5 湿度 humi=61", '{"temp": 21.5, "rssi": -61}'].entries()) {
          clients.push(python("import socket, sys, time\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\ni = 0\nfor line in sys.stdin:\n    s.sendall(line.encode())", String(port)));
          clients[i]?.write(`${hello}\n`);
          await expect(page.getByTestId("log")).toContainText(hello.slice(0, 9));
        }
        await bench.ask("/api/command", { do: "name", peer: "e1.2", name: "温室传感器" });
        await bench.ask("/api/command", { do: "send", to: "all", data: { escaped: "LED on\\r\\n" } });
        await bench.ask("/api/command", { do: "send", to: { peers: ["e1.1"] }, data: { hex: "01 03 00 00 00 02 c4 0b" } });
        for (let i = 0; i < 30; i += 1) clients[1]?.write(`temp:${(23 + Math.sin(i / 4)).toFixed(2)},humi:${60 + (i % 5)}\n`);
        await expect(page.getByTestId("log").locator(".sent").first()).toBeAttached();
        if (width === 390) {
          await shot("assistant-settings");
          await page.locator(".switch label").nth(2).click();
          await shot("assistant-peers");
          await page.locator(".switch label").nth(1).click();
        }
        await page.locator("textarea").fill("LED off");
        await shot("assistant");
        await page.getByRole("tab").nth(2).click();
        await page.locator("textarea").press("Control+Enter");
        await shot("assistant-unsent");
        if (width === 1280) await page.locator(".settings .group").nth(1).scrollIntoViewIfNeeded();
        await bench.ask("/api/command", { do: "close", endpoint: "e2" });
        await expect(page.getByRole("tab").nth(2)).toContainText(/closed|已关闭/);
        if (width === 390) await page.locator(".switch label").nth(0).click();
        await shot("assistant-ended");
        await page.getByRole("tab").nth(1).click();
        if (width === 390) await page.locator(".switch label").nth(2).click();
        await page.locator(".peer .who").first().click();
        await shot("assistant-peer");
        await page.keyboard.press("Escape");
        if (width === 390) await page.locator(".switch label").nth(1).click();
        if (width === 1280) {
          await page.locator(".settings input[type=checkbox]").last().check();
          await page.locator(".settings .group label", { hasText: lang === "zh" ? "两者" : "Both" }).click();
          clients[1]?.write("temp:24,humi:62\n");
          await expect(page.locator(".u-over")).toBeVisible();
          await page.keyboard.press("Control+f");
          await page.locator(".search input").fill("temp");
          await page.keyboard.press("Enter");
          await expect(page.getByTestId("hits")).toContainText(/\d/);
          await shot("assistant-search");
          await page.keyboard.press("Escape");
        }
        await page.goto(`${bench.origin}/#captures`);
        await expect(page.locator("tbody tr")).not.toHaveCount(0);
        await page.locator("tbody a").first().click();
        await expect(page.getByTestId("log")).toContainText("LED on");
        await shot("captures");

        await page.goto(`${bench.origin}/#boards/new`);
        await expect(page.locator(".kinds .card")).not.toHaveCount(0);
        await shot("boards-new");
        await page.goto(`${bench.origin}/#lan`);
        await expect(page.locator(".air")).toBeVisible();
        await shot("lan-empty");
        await page.locator("summary").click();
        await shot("lan-network");
        const { examples } = await bench.ask<{ examples: { id: string; source: string }[] }>("/api/hello");
        const source = (examples.find((each) => each.id === "tcp_client")?.source ?? "").replace("115\", 10000", `115", ${port}`);
        await bench.ask("/api/command", { do: "board_new", profile: "esp32" });
        await bench.ask("/api/command", { do: "board_new", profile: "k230", name: "camera" });
        await page.goto(`${bench.origin}/#boards/b1`);
        await page.locator(".examples").selectOption("tcp_client");
        const editor = page.locator(".cm-content");
        await expect(editor).toContainText("SERVER");
        await page.goto(`${bench.origin}/#lan`);
        await bench.ask("/api/command", { do: "fault", spec: "loss=10% delay=20ms jitter=5ms" });
        await bench.ask("/api/command", { do: "board_run", board: "b1", name: "tcp_client.py", source });
        await expect(page.locator(".frame").filter({ hasText: "SYN" }).first()).toBeVisible({ timeout: 30_000 });
        await expect.poll(async () => (await bench.ask<{ peers: unknown[] }>("/api/state")).peers.length).toBe(clients.length + 1);
        for (let i = 0; i < 12; i += 1) {
          await bench.ask("/api/command", { do: "send", to: { endpoint: "e1" }, data: { text: `message ${i}` } });
          await page.waitForResponse((response) => response.url().includes("/api/lan/frames"));
        }
        await shot("lan");
        await page.locator(".main .panel-head label").nth(1).click();
        await expect(page.locator("canvas").first()).toBeVisible();
        await shot("lan-connections");
        await page.locator(".main .panel-head label").nth(2).click();
        await expect(page.locator("pre").first()).toBeVisible();
        await shot("lan-netstat");
        await page.goto(`${bench.origin}/#boards/b1`);
        await editor.click();
        await page.keyboard.press("Control+End");
        await page.keyboard.type("\nimport os\nos.system('reboot')\n");
        await expect(page.locator(".warnings li")).toHaveText([/os\.system/]);
        await expect(page.getByTestId("console").locator(".xterm-rows")).toContainText("received");
        await shot("boards");
        await bench.ask("/api/command", { do: "board_offer", board: "b1", way: "webrepl" });
        await bench.ask("/api/command", { do: "forward", forward: "0:esp32:80" });
        await expect(page.locator(".way")).toHaveCount(2);
        await page.locator(".way").last().scrollIntoViewIfNeeded();
        await shot("boards-reach");
      });
    }
  }
}
