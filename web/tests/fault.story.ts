// A fault's slider is moved, and what it does can be seen: in the numbers, in the diagram, in what arrives.
import { changesOf, expect, test, visit } from "./workbench.ts";

// A board that says something ten times a second, by datagrams: what is lost stays lost.
const TALKER = `
import network, socket, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected(): time.sleep_ms(20)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
n = 0
while True:
    n += 1
    s.sendto(b"count %d" % n, ("192.168.1.115", PORT))
    time.sleep_ms(100)
`;

test("the slider of loss, and a preset", async ({ page, bench }) => {
  const port = await bench.open("udp://127.0.0.1:0");
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "talker" });
  await bench.ask("/api/command", { do: "board_run", board: "b1", source: TALKER.replace("PORT", String(port)) });
  await visit(page, bench, "lan");
  await expect(page.getByRole("button", { name: "talker" })).toContainText("192.168.1.");
  const diagram = page.getByRole("list", { name: "Sequence" });
  await expect(diagram.locator(".frame").filter({ hasText: String(port) }).first()).toBeVisible();
  await expect(diagram.locator(".frame.lost")).toHaveCount(0);

  await page.getByRole("button", { name: "talker" }).click();
  const loss = page.getByLabel("Loss");
  await loss.focus();
  await page.keyboard.press("End"); // all of it
  await expect(loss).toHaveAttribute("aria-valuetext", "100%");
  await expect(diagram.locator(".frame.lost").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "talker" })).toContainText("lost");
  const stuck = await page.getByTestId("rx").textContent();
  await expect.poll(() => diagram.locator(".frame.lost").count()).toBeGreaterThan(5);
  expect(await page.getByTestId("rx").textContent()).toBe(stuck);

  await page.getByRole("button", { name: "Perfect" }).click();
  await expect(loss).toHaveAttribute("aria-valuetext", "nothing wrong");
  await expect(page.getByTestId("rx")).not.toHaveText(stuck ?? "");

  // The access point goes, and so does the board.
  await page.getByLabel("What is wrong with Socklab").selectOption("switched off");
  await expect(page.getByRole("button", { name: "talker" }).locator(".led")).not.toHaveClass(/on/);
});

test("SYN, data and ACK in the diagram; the connection with its windows", async ({ page, bench }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "dialler" });
  await visit(page, bench, "lan");
  await expect(page.getByRole("button", { name: "dialler" })).toBeVisible();
  const source = `
import network, socket, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("Socklab", "")
while not wlan.isconnected(): time.sleep_ms(20)
s = socket.socket()
s.connect(("192.168.1.115", ${port}))
s.send(b"Hello")
s.recv(100)
`;
  await bench.ask("/api/command", { do: "board_run", board: "b1", source });
  const frames = page.getByRole("list", { name: "Sequence" }).locator(".frame");
  await expect(frames.filter({ hasText: "SYN" })).toHaveCount(2);
  await expect(frames.filter({ hasText: "5 bytes" })).toHaveCount(1);
  await expect(frames.locator(".what").filter({ hasText: /^ACK$/ }).first()).toBeVisible();
  await page.getByText("Connections", { exact: true }).click();
  await expect(page.getByRole("table")).toContainText(`192.168.1.115:${port}`);
  await expect(page.getByRole("table")).toContainText("open");
  await expect(page.getByRole("img", { name: "Round trip (ms)" }).locator("canvas")).toBeVisible();
});

test("a link unplugged and plugged in again, each direction with faults of its own", async ({ page, bench }) => {
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  await bench.ask("/api/command", { do: "fault", board: "desk", direction: "up", spec: "loss=5%" });
  await bench.ask("/api/command", { do: "fault", board: "desk", direction: "down", spec: "delay=20ms" });
  const faults = async () => {
    const { lan } = await bench.ask<{ lan: { boards: { up: { faults: string }; down: { faults: string } }[] } }>("/api/state");
    return [lan.boards[0]?.up.faults, lan.boards[0]?.down.faults];
  };
  const [up, down] = await faults();
  await visit(page, bench, "lan");
  await page.getByRole("button", { name: "desk" }).click();
  const panel = page.getByRole("region", { name: "Faults" });
  await expect(panel.getByLabel("Loss")).toHaveAttribute("aria-valuetext", "5% / –");
  await panel.getByLabel("Unplugged").check();
  await expect.poll(faults).toEqual([`down ${up}`, `down ${down}`]);
  await panel.getByLabel("Unplugged").uncheck();
  await expect.poll(faults).toEqual([up, down]);
  await panel.getByLabel("Jitter").focus();
  await page.keyboard.press("ArrowRight");
  await expect.poll(faults).toEqual([`jitter=1ms ${up}`, `${down} jitter=1ms`]);

  // The last fault of all is slid back to none.
  for (const knob of ["Jitter", "Loss", "Delay"]) {
    await panel.getByLabel(knob).focus();
    await page.keyboard.press("Home");
    await expect(panel.getByLabel(knob)).toHaveAttribute("aria-valuetext", "nothing wrong");
  }
  await expect.poll(faults).toEqual(["", ""]);
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("sliders that are moved before the server has told of the first", async ({ page, bench }) => {
  await bench.ask("/api/command", { do: "board_new", profile: "esp32", name: "desk" });
  await bench.ask("/api/command", { do: "fault", board: "desk", spec: "loss=5% delay=20ms jitter=1ms" });
  const changes = await changesOf(page);
  await visit(page, bench, "lan");
  await page.getByRole("button", { name: "desk" }).click();
  const panel = page.getByRole("region", { name: "Faults" });
  await expect(panel.getByLabel("Loss")).toHaveAttribute("aria-valuetext", "5%");
  const slideBack = async (knob: string) => {
    await panel.getByLabel(knob).focus();
    await page.keyboard.press("Home");
  };
  changes.hold();
  const first = page.waitForResponse(/\/api\/command/);
  await slideBack("Jitter");
  await first;
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  await page.route(/\/api\/command/, async (route) => {
    await gate;
    await route.continue();
  });
  const second = page.waitForRequest(/\/api\/command/);
  await slideBack("Loss");
  await second;
  changes.release();
  await expect(page.locator(".warned").first()).not.toHaveAttribute("title", /jitter/);
  await expect(panel.getByLabel("Loss")).toHaveAttribute("aria-valuetext", "nothing wrong");
  await slideBack("Delay");
  open();
  const faults = async () => {
    const { lan } = await bench.ask<{ lan: { boards: { up: { faults: string }; down: { faults: string } }[] } }>("/api/state");
    return [lan.boards[0]?.up.faults, lan.boards[0]?.down.faults];
  };
  await expect.poll(faults).toEqual(["", ""]);
  for (const knob of ["Jitter", "Loss", "Delay"]) await expect(panel.getByLabel(knob)).toHaveAttribute("aria-valuetext", "nothing wrong");
});
