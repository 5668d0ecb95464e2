// Fails where a component says something by itself instead of through src/i18n, in which both languages are complete by
// type; and where a message is no longer said by anything.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const src = new URL("../src/", import.meta.url).pathname;
const files = readdirSync(src, { recursive: true }).filter((name) => /\.(svelte|ts)$/.test(name) && !name.startsWith("i18n"));
const wrong = [];
let all = "";
for (const name of files) {
  const text = readFileSync(join(src, name), "utf8");
  all += text;
  if (name.startsWith("api/")) continue;
  if (/[\u3400-\u9fff\uff00-\uffef]/.test(text)) wrong.push(`${name}: has Chinese text`);
  if (!name.endsWith(".svelte")) continue;
  const markup = text.replace(/<script[\s\S]*?<\/script>|<style[\s\S]*?<\/style>|<!--[\s\S]*?-->/g, "");
  for (const [, attribute, words] of markup.matchAll(/\s(aria-label|title|placeholder|alt)="([^"{]*[A-Za-z]{3}[^"{]*)"/g))
    if (/[a-z]{3}\s+[a-z]{2}/i.test(words)) wrong.push(`${name}: ${attribute} says ${JSON.stringify(words)}`);
  const outside = markup.replace(/\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/g, "").replace(/<(?:"[^"]*"|'[^']*'|=>|[^<>"'])*>/g, "\n");
  for (const [words] of outside.matchAll(/[A-Z]?[a-z]{3,}(?: [a-z]+)+/g)) wrong.push(`${name}: says ${JSON.stringify(words)}`);
}
const messages = readFileSync(join(src, "i18n/en.ts"), "utf8");
let group = "";
for (const line of messages.split("\n")) {
  const head = /^  (\w+): \{$/.exec(line);
  if (head) group = head[1];
  const key = /^    (\w+):/.exec(line)?.[1];
  if (key && group && !new RegExp(`\\b${group}\\.${key}\\b|\\b${group}(?:\\[|;)`).test(all)) wrong.push(`i18n: ${group}.${key} is never said`);
}
for (const line of wrong) console.error(line);
process.exit(wrong.length > 0 ? 1 : 0);
