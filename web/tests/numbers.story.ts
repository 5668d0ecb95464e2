// Numbers that a device sends become curves, by peer and name.
import { expect, test, visit } from "./workbench.ts";
import { fromLine, NumberStream } from "../src/state/numbers.ts";

const LINES: [string, Record<string, number>][] = [
  ["temp:23.5", { temp: 23.5 }],
  ["temp=23.5 humi=61", { temp: 23.5, humi: 61 }],
  ["temp: 23.5\thumi: 61", { temp: 23.5, humi: 61 }],
  ["a:1,b:-2e3", { a: 1, b: -2000 }],
  ["1,2.5,-3", { 1: 1, 2: 2.5, 3: -3 }],
  ["1 2 3", { 1: 1, 2: 2, 3: 3 }],
  ['{"temp": 21.5, "deep": {"rssi": -61}, "name": "x"}', { temp: 21.5, "deep.rssi": -61 }],
  [">speed:1627551892437:12.5§km/h|g", { speed: 12.5 }],
  ["[1,2,3]", { 1: 1, 2: 2, 3: 3 }],
  ["ADC value: 1023", { "ADC value": 1023 }],
  ["temp: 23.5 C humi: 61 %", { temp: 23.5, humi: 61 }],
  ["any:1.0,2.0,3.0", { "any.1": 1, "any.2": 2, "any.3": 3 }],
  ["温度:23.5℃", { 温度: 23.5 }],
  ["Hello from the board", {}],
  ["12:00:01 started", {}],
  ["a:1 b:1e400", { a: 1 }],
  ["hex:0x10", {}],
  ["{broken", {}],
  ["", {}],
];

for (const [line, points] of LINES) {
  test(`numbers in ${JSON.stringify(line)}`, () => {
    expect(Object.fromEntries(fromLine(line).map((point) => [point.name, point.value]))).toEqual(points);
  });
}

test("Teleplot's several values of one name", () => {
  expect(fromLine(">a:1:10;2:20§V|g")).toEqual([{ name: "a", value: 10, unit: "V" }, { name: "a", value: 20, unit: "V" }]);
});

test("lines that come in pieces, and VOFA+'s JustFloat", () => {
  const stream = new NumberStream();
  const bytes = (text: string) => new TextEncoder().encode(text);
  expect(stream.take("temp:2", bytes("temp:2"))).toEqual([]);
  expect(stream.take("3.5\r\nhu", bytes("3.5\r\nhu"))).toEqual([{ name: "temp", value: 23.5 }]);
  const frame = new Uint8Array(12);
  const view = new DataView(frame.buffer);
  view.setFloat32(0, 1.5, true);
  view.setFloat32(4, -2, true);
  frame.set([0, 0, 0x80, 0x7f], 8);
  const floats = new NumberStream();
  expect(floats.take("", frame.subarray(0, 5))).toEqual([]);
  expect(floats.take("", frame.subarray(5))).toEqual([{ name: "1", value: 1.5 }, { name: "2", value: -2 }]);
});

test("a device's numbers are drawn, each name on its own", async ({ page, bench, nc }) => {
  const port = await bench.open("tcp-listen://127.0.0.1:0");
  await visit(page, bench);
  const device = nc("127.0.0.1", String(port));
  await page.getByLabel("Plot numbers").check();
  await expect(page.getByRole("region", { name: "Plot" })).toContainText("No numbers yet");
  device.write("temp:23.5,humi:61\ntemp:23.7,humi:60\n");
  await expect(page.getByRole("img", { name: "Curves of e1.1 temp, e1.1 humi" }).locator("canvas")).toBeVisible();
  const name = page.getByRole("region", { name: "Plot" }).getByRole("button", { name: "e1.1 humi" });
  await name.click();
  await expect(name).toHaveAttribute("aria-pressed", "false");
});
