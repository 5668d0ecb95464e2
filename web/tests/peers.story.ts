// Fifty devices talk at once while one peer after another is looked at: nothing of anybody is lost.
import { expect, test, visit } from "./workbench.ts";

const DEVICES = 50;
const LINES = 100;

test("choose one of 50 peers and lose nothing", async ({ page, bench, python }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const devices = python(
    `
import socket, sys, threading
port, devices, lines = map(int, sys.argv[1:])
socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(devices)]
print("connected")
rounds = 4
def talk(n, s, some):
    for line in some:
        s.sendall(b"device %d line %d\\n" % (n, line))
for round in range(rounds):
    sys.stdin.readline()
    some = range(lines * round // rounds, lines * (round + 1) // rounds)
    threads = [threading.Thread(target=talk, args=(n, s, some)) for n, s in enumerate(socks)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
print("sent")
for n, s in enumerate(socks):
    got = s.recv(100)
    if got: print("device", n, "got", got)
`,
    String(port), String(DEVICES), String(LINES),
  );
  const peers = page.getByRole("region", { name: "Peers" });
  await expect(peers.locator(".panel-head .number")).toHaveText(String(DEVICES));
  // They talk on whenever some of them have been looked at.
  for (let n = 1; n <= 12; n += 1) {
    if (n % 3 === 1) devices.write("go\n");
    await peers.getByRole("button", { name: `Show e1.${(n % 4) + 1} alone` }).click();
  }
  await expect.poll(() => devices.text).toContain("sent");
  let bytes = 0;
  for (let n = 0; n < DEVICES; n += 1) for (let line = 0; line < LINES; line += 1) bytes += `device ${n} line ${line}\n`.length;
  await expect(page.getByTestId("rx")).toHaveText(bytes.toLocaleString("en-US"));

  // One of them, found by its address in a list that shows only some, gets an answer; nobody else does.
  await peers.getByRole("searchbox").fill("e1.37");
  await peers.getByRole("checkbox", { name: "Send to e1.37" }).check();
  await page.getByLabel("Data to send").fill("only you");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect(page.locator("#composer-state")).toHaveText("Sent to 1 peer");
  await expect(page.getByTestId("tx")).toHaveText("8");

  // All that each said is in the capture, in order.
  const last = await bench.ask<{ last: number }>("/api/runs/current/records?limit=1&dir=back");
  const senders = new Set<string>();
  for (let peer = 1; peer <= DEVICES; peer += 1) {
    let text = "";
    for (let from = 1; from <= last.last; ) {
      const window = await bench.ask<{ records: { data?: string }[]; next?: number }>(`/api/runs/current/records?peer=e1.${peer}&kinds=received&from=${from}`);
      text += window.records.map((record) => Buffer.from(record.data ?? "", "base64").toString()).join("");
      if (window.next === undefined) break;
      from = window.next;
    }
    const device = /device (\d+)/.exec(text)?.[1] ?? "";
    senders.add(device);
    expect(text).toBe(Array.from({ length: LINES }, (_, line) => `device ${device} line ${line}\n`).join(""));
  }
  expect(senders.size).toBe(DEVICES);
});
