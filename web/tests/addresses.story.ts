// What a program dials to reach an endpoint: each way to this computer, the one that the reader needs first.
import { expect, test, visit } from "./workbench.ts";

interface Hello {
  addresses: object[];
}

const own = (address: string, name: string, reach = "network") => ({ address, interface: name, reach });

test("an address that leads here in two ways is listed once, with both", async ({ page, bench }) => {
  // The tests' machine has no such address: the server's answer is given it on the way.
  const hello = await bench.ask<Hello>("/api/hello");
  await page.route("**/api/hello", async (route) => {
    await route.fulfill({ json: { ...hello, addresses: [own("192.168.1.115", "wlan0"), own("192.168.1.115", "eth0"), ...hello.addresses] } });
  });
  const port = await bench.open("tcp-listen://*:0");
  await visit(page, bench);
  const dialled = page.locator(".dial li").filter({ hasText: `192.168.1.115:${port}` });
  await expect(dialled).toHaveCount(1);
  await expect(dialled).toContainText("wlan0, eth0, virtual boards");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(page.getByLabel("Local address").getByRole("option", { name: "192.168.1.115" })).toHaveCount(2);
});

test("addresses are of the families that the endpoint hears; boards' comes first where there is a board", async ({ page, bench }) => {
  const hello = await bench.ask<Hello>("/api/hello");
  const addresses = [own("10.9.8.7", "wlan0"), own("fd00::7", "wlan0"), own("fe80::7%wlan0", "wlan0", "link_local"), own("127.0.0.1", "lo", "loopback"), own("::1", "lo", "loopback")];
  await page.route("**/api/hello", async (route) => route.fulfill({ json: { ...hello, addresses } }));
  const all = await bench.open("tcp-listen://*:0");
  const four = await bench.open("tcp-listen://0.0.0.0:0");
  const six = await bench.open("tcp-listen://[::]:0");
  await visit(page, bench);
  const dialled = page.locator(".dial li .mono");
  const boards = (port: number) => `192.168.1.115:${port}`;
  await page.getByRole("tab", { name: "e1" }).click();
  const others = [`10.9.8.7:${all}`, `[fd00::7]:${all}`, `127.0.0.1:${all}`, `[::1]:${all}`];
  await expect(dialled).toHaveText([...others, boards(all)]);
  await page.getByRole("tab", { name: "e2" }).click();
  await expect(dialled).toHaveText([`10.9.8.7:${four}`, `127.0.0.1:${four}`, boards(four)]);
  await page.getByRole("tab", { name: "e3" }).click();
  await expect(dialled).toHaveText([`[fd00::7]:${six}`, `[::1]:${six}`, boards(six)]);
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  await page.getByRole("tab", { name: "e1" }).click();
  await expect(dialled).toHaveText([boards(all), ...others]);
});
