// The virtual network: what it is like, what was given to whom, and the ways in and out of a board.
import { connect } from "node:net";
import { expect, isTaken, test, visit } from "./workbench.ts";

const JOIN = `
import network, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Class 3", "p@ss w0rd")
while not wlan.isconnected():
    time.sleep_ms(10)
print("joined", wlan.ifconfig()[0])
import socket
server = socket.socket()
server.bind(("0.0.0.0", 80))
server.listen(1)
guest, _ = server.accept()
guest.send("from the board")
guest.close()
`;

test("a Wi-Fi is set, a board joins it, its lease and sockets are shown, and its port is led here and back", async ({ page, bench }) => {
  await visit(page, bench, "lan");
  const network = page.getByRole("region", { name: "Network", exact: true });
  await network.getByText("any Wi-Fi, nothing beyond").click();
  await network.getByLabel("Wi-Fi", { exact: true }).fill("Class 3");
  await network.getByLabel("Password").fill("short");
  await network.getByRole("button", { name: "Apply" }).click();
  await expect(page.getByRole("alert")).toContainText("at least 8 characters");
  await network.getByLabel("Password").fill("p@ss w0rd");
  await network.getByLabel("Seed").fill("7");
  await network.getByRole("button", { name: "Apply" }).click();
  await expect(network).toContainText("Wi-Fi Class 3 · Seed 7");
  await expect(page.getByRole("region", { name: "Access points" })).toContainText("Class 3");
  await expect(page.locator("footer .command")).toContainText("--wifi 'Class 3:p@ss w0rd' --seed 7");

  await page.goto(`${bench.origin}/#boards/new`);
  await page.getByRole("radio", { name: /^Empty/ }).check({ force: true });
  await page.getByLabel("Strict").check();
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByTestId("console")).toContainText(">>>", { timeout: 30_000 });
  await bench.ask("/api/command", { do: "board_run", board: "b1", source: JOIN });
  await expect(page.getByTestId("console")).toContainText("joined 192.168.1.");

  const reach = page.getByRole("region", { name: "From this computer" });
  await reach.getByRole("button", { name: "Lead here" }).click();
  await expect(reach).toContainText("leads to port 80 of esp32");
  // What is offered is the server's to tell: it is there for whoever comes later too.
  await page.reload();
  const at = /(127\.0\.0\.1:\d+)/.exec((await reach.locator(".way").first().textContent()) ?? "")?.[1] ?? "";
  const port = Number(at.split(":")[1]);
  const heard = await new Promise<string>((resolve, reject) => {
    let text = "";
    connect(port, "127.0.0.1").on("data", (chunk) => (text += chunk.toString())).on("end", () => resolve(text)).on("error", reject);
  });
  expect(heard).toBe("from the board");
  await reach.getByRole("button", { name: `End ${at}` }).click();
  await expect(reach.locator(".way")).toHaveCount(0);
  await expect.poll(() => isTaken(port)).toBe(false);

  await page.goto(`${bench.origin}/#lan`);
  await network.getByText("Wi-Fi Class 3").click();
  await expect(network).toContainText("remove the boards first");
  await page.getByText("Netstat", { exact: true }).click();
  const told = page.getByRole("region", { name: "Netstat" });
  await expect(told).toContainText(/192\.168\.1\.\d+ by DHCP, as /);
  await expect(told.locator("pre")).toContainText("80");
});

test("a board's console is offered as WebREPL with a password, and ended", async ({ page, bench }) => {
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  await visit(page, bench, "boards");
  const reach = page.getByRole("region", { name: "From this computer" });
  await reach.getByLabel("Console as").selectOption("webrepl");
  await reach.getByLabel("Password").fill("s3cret");
  await reach.getByRole("button", { name: "Offer it" }).click();
  await expect(reach).toContainText("password: s3cret");
  const port = Number(/ws:\/\/127\.0\.0\.1:(\d+)\//.exec((await reach.textContent()) ?? "")?.[1]);
  await expect.poll(() => isTaken(port)).toBe(true);
  await page.getByRole("button", { name: "Switch this board off" }).click();
  await expect(page.getByRole("heading", { name: "A new virtual board" })).toBeVisible();
  await expect.poll(() => isTaken(port)).toBe(false);
});

test("an open endpoint joins a group and leaves it", async ({ page, bench }) => {
  await bench.open("udp://127.0.0.1:0");
  await visit(page, bench);
  const groups = page.getByRole("region", { name: "Multicast groups" });
  await groups.getByLabel("Group").fill("239.1.2.3");
  await groups.getByLabel("Interface").selectOption("127.0.0.1");
  await groups.getByRole("button", { name: "Join" }).click();
  await expect(groups.locator(".member")).toContainText("239.1.2.3");
  await expect(page.locator("footer .command")).toContainText(":join e1 239.1.2.3 127.0.0.1");
  await groups.getByRole("button", { name: "Leave 239.1.2.3" }).click();
  await expect(groups.locator(".member")).toHaveCount(0);
});

test("a board on this computer's network is dialled at its loopback address", async ({ page, bench }) => {
  await visit(page, bench, "lan");
  await page.goto(`${bench.origin}/#boards/new`);
  await page.getByRole("radio", { name: /^Empty/ }).check({ force: true });
  await page.getByLabel("This computer's network").check();
  await page.getByRole("button", { name: "Create" }).click();
  await expect(page.getByRole("link", { name: /esp32.*on this computer's network/ })).toBeVisible();
  await expect(page.locator("footer .command")).toContainText("socklab repl --board esp32 --net host");
  const reach = page.getByRole("region", { name: "From this computer" });
  await expect(reach.getByRole("button", { name: "Offer it" })).toBeVisible();
  await expect(reach.getByRole("button", { name: "Lead here" })).toHaveCount(0);
});
