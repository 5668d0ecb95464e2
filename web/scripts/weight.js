// Fails when the first load has grown beyond what a slow computer opens at once: everything that index.html names and
// what that imports statically, compressed. What is imported on demand (editor, terminal, plots) does not count.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT = 350_000;
const dist = new URL("../dist/", import.meta.url).pathname;
const seen = new Map();

function weigh(path) {
  if (seen.has(path)) return;
  const bytes = readFileSync(join(dist, path));
  seen.set(path, gzipSync(bytes, { level: 9 }).length);
  if (!path.endsWith(".js")) return;
  const imports = bytes.toString().matchAll(/(?:^|[;}\s])(?:import|export)\s*(?:[^"'();]*?from\s*)?["'](\.{1,2}\/[^"']+)["']/g);
  for (const [, to] of imports) weigh(join(path, "..", to));
}

const page = readFileSync(join(dist, "index.html"), "utf8");
if (/<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=/.test(page)) {
  console.error("dist/index.html has something inline, which the page's own policy forbids");
  process.exit(1);
}
weigh("index.html");
for (const [, path] of page.matchAll(/(?:src|href)="\/([^"]+)"/g)) weigh(path);
const first = [...seen.values()].reduce((sum, size) => sum + size, 0);
const assets = readdirSync(join(dist, "assets")).map((name) => `assets/${name}`);
const rest = assets.filter((path) => !seen.has(path)).reduce((sum, path) => sum + gzipSync(readFileSync(join(dist, path))).length, 0);
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(`first load ${kb(first)} gzipped (limit ${kb(LIMIT)}), on demand ${kb(rest)}`);
if (first > LIMIT) {
  console.error("the first load is too heavy: import what a first glance does not need with import()");
  process.exit(1);
}
