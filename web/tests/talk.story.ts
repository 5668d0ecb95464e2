// A server is opened in the page, and a real client talks to it.
import { expect, test, visit } from "./workbench.ts";

test("open a server and talk to python3", async ({ page, bench, python }) => {
  await visit(page, bench);
  await page.getByLabel("Protocol").selectOption("tcp-listen");
  await page.getByLabel("Local address").selectOption("127.0.0.1");
  await page.getByLabel("Local port").fill("0");
  await page.getByRole("button", { name: "Open" }).last().click();
  const url = await page.locator(".settings .url").textContent();
  const port = /:(\d+)/.exec(url ?? "")?.[1] ?? "";

  const client = python(
    "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\ns.sendall('Hello 01Studio! 你好'.encode())\nprint(s.recv(100))\ns.recv(1)",
    port,
  );
  const log = page.getByTestId("log");
  await expect(log.locator(".received")).toContainText("Hello 01Studio! 你好");
  await expect(page.getByTestId("rx")).toHaveText("22");
  await expect(page.getByRole("region", { name: "Peers" })).toContainText("e1.1");

  await page.getByLabel("Data to send").fill("LED on");
  await page.getByLabel("Line ending").selectOption("crlf");
  await page.getByLabel("Data to send").press("Control+Enter");
  await expect(log.locator(".sent")).toContainText("LED on\\r\\n");
  await expect(page.getByTestId("tx")).toHaveText("8");
  await expect.poll(() => client.text).toContain("b'LED on\\r\\n'");
  await expect(page.locator("footer code")).toContainText("LED on");

  client.process.kill();
  await expect(page.getByRole("region", { name: "Peers" })).not.toContainText("e1.1");
  await expect(log).toContainText("closed");
});

test("nc is a server, and the page its client", async ({ page, bench, nc, python }) => {
  const free = python("import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\nprint(s.getsockname()[1])");
  await free.ended;
  const port = free.text.trim();
  const server = nc("-l", "127.0.0.1", port);
  await visit(page, bench);
  await page.getByLabel("Protocol").selectOption("tcp");
  await page.getByLabel("Remote address").fill("127.0.0.1");
  await page.getByLabel("Remote port").fill(port);
  await expect(async () => {
    await page.getByRole("button", { name: "Connect" }).click();
    await expect(page.getByRole("tab", { name: "e" }).last()).toContainText(port, { timeout: 1000 });
  }).toPass();
  await page.getByLabel("Data to send").fill("ping");
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await expect.poll(() => server.text).toBe("ping");
  server.write("pong\n");
  await expect(page.getByTestId("log").locator(".received")).toContainText("pong\\n");
});

test("what a device sends is text, whatever it says", async ({ page, bench, nc }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const client = nc("127.0.0.1", String(port));
  client.write("<script>document.title='got you'</script><img src=x onerror=alert(1)>\x1b[31mred\x1b]0;title\x07\u202eabc");
  const row = page.getByTestId("log").locator(".received .data");
  await expect(row).toHaveText("<script>document.title='got you'</script><img src=x onerror=alert(1)>\\x1b[31mred\\x1b]0;title\\x07\\u{202e}abc");
  expect(await row.locator(":not(.escape)").count()).toBe(0);
  await expect(page).toHaveTitle("Socklab");
});
