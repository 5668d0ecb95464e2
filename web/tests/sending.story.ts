// To one, several and all; again and again; from the history; and the ends of a connection.
import { expect, test, visit, type Client } from "./workbench.ts";

const DEVICE = `
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
try:
    while True:
        data = s.recv(1000)
        print(data if data else "end of input")
        if not data: break
    sys.stdin.readline()
    s.sendall(b"still here")
    print(s.recv(10))
except ConnectionResetError:
    print("reset")
`;

test("one, several, all; names; repetition; history", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const peers = page.getByRole("region", { name: "Peers" });
  const devices: Client[] = [];
  for (const number of [1, 2, 3]) {
    devices.push(python(DEVICE, String(port)));
    await expect(peers).toContainText(`e1.${number}`);
  }
  const [first, second, third] = devices as [Client, Client, Client];
  await peers.getByRole("button", { name: "e1.2" }).first().click();
  await page.getByRole("dialog").getByLabel("Name").fill("lamp");
  await page.getByRole("dialog").getByLabel("Name").press("Enter");
  await page.keyboard.press("Escape");
  await expect(peers).toContainText("lamp");

  const field = page.getByLabel("Data to send");
  const send = page.getByRole("button", { name: "Send", exact: true });
  await field.fill("everybody ");
  await send.click();
  for (const device of devices) await expect.poll(() => device.text).toContain("everybody");
  await peers.getByRole("checkbox", { name: "Send to e1.1" }).check();
  await peers.getByRole("checkbox", { name: "Send to e1.3" }).check();
  await field.fill("two of you ");
  await send.click();
  await expect.poll(() => first.text + third.text).toMatch(/two of you[\s\S]*two of you/);
  await page.getByLabel("To", { exact: true }).selectOption("e1.2");
  await field.fill("lamp alone ");
  await send.click();
  await expect.poll(() => second.text).toContain("lamp alone");
  expect(second.text).not.toContain("two of you");
  expect(first.text + third.text).not.toContain("lamp alone");

  await field.fill("tick ");
  await page.getByRole("spinbutton").fill("20");
  await page.getByRole("button", { name: "Repeat" }).click();
  await expect(page.locator(".job")).toContainText("every 20 ms");
  await expect.poll(() => second.text.split("tick").length).toBeGreaterThan(4);
  await page.locator(".job").getByRole("button", { name: "Stop" }).click();
  await expect(page.locator(".job")).toHaveCount(0);

  // What was sent as hex comes back as hex.
  const hex = page.locator(".composer").getByRole("radio", { name: "HEX" });
  await hex.check({ force: true });
  await field.fill("01 02");
  await send.click();
  await expect(page.locator("#composer-state")).toHaveText("Sent to 1 peer");
  await page.getByLabel("History").selectOption({ label: "two of you" });
  await expect(field).toHaveValue("two of you ");
  await expect(hex).not.toBeChecked();
  await page.getByLabel("History").selectOption({ label: "01 02 (HEX)" });
  await expect(field).toHaveValue("01 02");
  await expect(hex).toBeChecked();
});

test("half-close, close and reset", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const peers = page.getByRole("region", { name: "Peers" });
  const half = python(DEVICE, String(port));
  await expect(peers).toContainText("e1.1");
  await peers.getByRole("button", { name: "e1.1" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Half-close" }).click();
  await expect.poll(() => half.text).toContain("end of input");
  await page.keyboard.press("Escape");
  half.write("\n");
  await expect(page.getByTestId("log").locator(".received")).toContainText("still here");

  const torn = python(DEVICE, String(port));
  await expect(peers).toContainText("e1.2");
  await peers.getByRole("button", { name: "e1.2" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Reset" }).click();
  await expect.poll(() => torn.text).toContain("reset");
});
