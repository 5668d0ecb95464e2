// A computer whose own address is the one that it has on the boards' network: lessons use that one, so classrooms have it.
import { expect, test, visit } from "./workbench.ts";

test("an address that leads here in two ways is listed once, with both", async ({ page, bench }) => {
  // The tests' machine has no such address: the server's answer is given it on the way.
  const hello = await bench.ask<{ addresses: object[] }>("/api/hello");
  await page.route("**/api/hello", async (route) => {
    const own = (name: string) => ({ address: "192.168.1.115", interface: name, reach: "network" });
    await route.fulfill({ json: { ...hello, addresses: [own("wlan0"), own("eth0"), ...hello.addresses] } });
  });
  const port = await bench.open("tcp-listen://*:0");
  await visit(page, bench);
  const dialled = page.locator(".dial li").filter({ hasText: `192.168.1.115:${port}` });
  await expect(dialled).toHaveCount(1);
  await expect(dialled).toContainText("virtual boards, wlan0, eth0");
  await page.getByRole("button", { name: "Open", exact: true }).click();
  await expect(page.getByLabel("Local address").getByRole("option", { name: "192.168.1.115" })).toHaveCount(2);
});
