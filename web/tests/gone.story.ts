// Peers that go: whoever was chosen is not mixed up with others, and what one said can be read alone afterwards.
import { changesOf, expect, test, visit } from "./workbench.ts";

const DEVICE = `
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for line in sys.stdin:
    if line == "\\n": break
    s.sendall(line.encode())
s.close()
`;

test("the chosen one goes, another comes: nobody else is written to until one is chosen", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const peers = page.getByRole("region", { name: "Peers" });
  const to = page.getByLabel("To", { exact: true });
  const said = page.locator("#composer-state");
  const [first, second] = [python(DEVICE, String(port)), python(DEVICE, String(port))];
  await peers.getByRole("checkbox", { name: "Send to e1.1" }).check();
  await peers.getByRole("checkbox", { name: "Send to e1.2" }).check();
  const [gone, left] = (await bench.ask<{ peers: { id: string; address: string }[] }>("/api/state")).peers.map(({ id }) => id);
  first.write("\n");
  await expect(peers.getByRole("listitem")).toHaveCount(1);
  const stays = await peers.locator(".id").textContent();
  const went = stays === left ? gone : left;
  await expect(page.locator(".remarks")).toContainText(`${went} is gone, and no longer among those you send to`);
  await expect(to).toHaveValue(stays ?? "");

  second.write("\n");
  await expect(peers.getByRole("listitem")).toHaveCount(0);
  python(DEVICE, String(port));
  await expect(peers).toContainText("e1.3");
  await expect(to.locator("option:checked")).toHaveText("chosen, but gone");
  await page.getByLabel("Data to send").fill("for one alone");
  await page.getByLabel("Data to send").press("Control+Enter");
  await expect(said).toHaveText("Not sent: those who were chosen are gone; choose again whom to send to");
  await expect(page.getByTestId("tx")).toHaveText("0");
  await peers.getByRole("checkbox", { name: "Send to e1.3" }).check();
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(said).toHaveText("Sent to 1 peer");
  await expect(page.getByTestId("tx")).toHaveText("13");
});

test("the log of a peer alone, while it is there and when it is gone", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const rows = page.getByTestId("log").locator(".received");
  const peers = page.getByRole("region", { name: "Peers" });
  const one = python(DEVICE, String(port));
  one.write("one says\n");
  await expect(rows).toHaveCount(1);
  const two = python(DEVICE, String(port));
  two.write("two says\n");
  await expect(rows).toHaveCount(2);
  await peers.getByRole("button", { name: "Show e1.1 alone" }).click();
  await expect(rows).toHaveText(/one says/);
  one.write("\n");
  await expect(peers).not.toContainText("e1.1");
  await expect(page.locator(".chip")).toContainText("e1.1");
  await expect(rows).toHaveText(/one says/);
  await page.getByRole("button", { name: "Show all peers" }).click();
  await expect(rows).toHaveCount(2);

  // Nothing of the list of peers is needed for it.
  two.write("\n");
  await expect(peers.getByRole("listitem")).toHaveCount(0);
  await rows.filter({ hasText: "two says" }).getByRole("button", { name: "e1.2" }).click();
  await expect(rows).toHaveText(/two says/);
});

test("what came of a send is said while the text stands there", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  python(`
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sys.stdin.read()
`, String(port));
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  const said = page.locator("#composer-state");
  const field = page.getByLabel("Data to send");
  await field.fill("hello");
  await field.press("Control+Enter");
  await expect(said).toHaveText("Sent to 1 peer");
  await field.press("!");
  await expect(said).toHaveText("6 bytes");

  // It does not read: at last its queue takes not even a byte more.
  const fill = async (size: number) => {
    const done = await bench.ask<{ outcomes: { outcome: string }[] }>("/api/command", { do: "send", to: "all", data: { text: "x".repeat(size) } });
    return done.outcomes[0]?.outcome;
  };
  for (let size = 1 << 20; size >= 1; size >>= 2) while ((await fill(size)) === "queued");
  await field.press("Control+Enter");
  await expect(said).toHaveText("1 not reached: e1.1 (is full: it does not read)");
  await expect(said).toHaveClass(/bad/);
});

test("what one writes goes to no other endpoint when the own one is put away", async ({ page, bench, nc }) => {
  const other = await bench.open("tcp-listen://127.0.0.1:0");
  const own = await bench.open("tcp-listen://127.0.0.1:0");
  const clients = [nc("127.0.0.1", String(other)), nc("127.0.0.1", String(own))];
  await expect.poll(async () => (await bench.ask<{ peers: unknown[] }>("/api/state")).peers.length).toBe(2);
  await visit(page, bench);
  await page.getByRole("tab", { name: "e2" }).click();
  const box = page.getByLabel("Data to send");
  await box.fill("erase");
  await bench.ask("/api/command", { do: "close", endpoint: "e2" });
  await bench.ask("/api/command", { do: "dismiss", endpoint: "e2" });
  await expect(page.getByRole("tab")).toHaveCount(2);
  await box.press("Control+Enter");
  await expect(page.locator("#composer-state")).toContainText("Not sent: those who were chosen are gone");
  await page.getByLabel("To", { exact: true }).selectOption("all");
  await box.fill("meant");
  await box.press("Control+Enter");
  await expect.poll(() => clients[0]?.text).toBe("meant");
});

test("a peer that was chosen is not another one after a restart", async ({ page, bench, nc }) => {
  await bench.stop();
  await bench.start(0, "same-token-every-time-0123456789");
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  nc("127.0.0.1", String(port));
  await expect.poll(async () => (await bench.ask<{ peers: unknown[] }>("/api/state")).peers.length).toBe(1);
  await visit(page, bench);
  await page.getByLabel("To", { exact: true }).selectOption("e1.1");
  const server = { port: bench.port, token: bench.token };
  await bench.stop();
  await bench.start(server.port, server.token);
  const again = await bench.open(`tcp-listen://127.0.0.1:${port}`);
  const stranger = nc("127.0.0.1", String(again));
  const addresses = async () => (await bench.ask<{ peers: { address: string }[] }>("/api/state")).peers.map(({ address }) => address);
  await expect.poll(async () => (await addresses()).length).toBe(1);
  await expect(page.getByRole("region", { name: "Peers" })).toContainText((await addresses())[0] ?? "no peer");
  const box = page.getByLabel("Data to send");
  await box.fill("erase");
  await expect(page.locator("#composer-state")).toContainText("Those who were chosen are gone");
  await box.press("Control+Enter");
  await expect(page.locator("#composer-state")).toContainText("Not sent: those who were chosen are gone");
  expect(stranger.text).toBe("");
});

test("an endpoint that is only just coming is not gone", async ({ page, bench, nc }) => {
  const other = await bench.open("tcp-listen://127.0.0.1:0");
  nc("127.0.0.1", String(other));
  const changes = await changesOf(page);
  await visit(page, bench);
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");
  await page.getByRole("tab", { name: "All" }).click();
  await page.getByLabel("Protocol").selectOption("tcp-listen");
  await page.getByLabel("Local address").selectOption("127.0.0.1");
  await page.getByLabel("Local port").fill("0");
  changes.hold();
  const answered = page.waitForResponse(/\/api\/command/);
  await page.getByRole("button", { name: "Open" }).last().click();
  await answered;
  const { endpoints } = await bench.ask<{ endpoints: { id: string; url: string }[] }>("/api/state");
  const port = /:(\d+)/.exec(endpoints.find(({ id }) => id === "e2")?.url ?? "")?.[1] ?? "";
  const client = nc("127.0.0.1", port);
  await expect(page.locator("footer code")).toContainText("socklab listen");
  changes.release();
  await expect(page.getByRole("tab", { name: "e2" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e2.1");
  await page.getByLabel("Data to send").fill("LED on");
  await page.getByLabel("Data to send").press("Control+Enter");
  await expect.poll(() => client.text).toBe("LED on");
});
