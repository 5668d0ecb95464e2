// Faults of one direction of a link as words, `loss=5% delay=20ms`, and as positions of sliders. What has no slider is
// kept as it is.

/** What a slider sets. */
export interface Knob {
  word: string;
  /** Its positions, the first of which means nothing wrong. */
  steps: string[];
}

export const KNOBS: readonly Knob[] = [
  { word: "loss", steps: ["", "0.5%", "1%", "2%", "5%", "10%", "15%", "20%", "30%", "40%", "50%", "75%", "100%"] },
  { word: "delay", steps: ["", "1ms", "2ms", "5ms", "10ms", "20ms", "50ms", "100ms", "200ms", "300ms", "500ms", "1s", "2s", "5s"] },
  { word: "jitter", steps: ["", "1ms", "2ms", "5ms", "10ms", "20ms", "50ms", "100ms", "200ms", "500ms", "1s"] },
  { word: "rate", steps: ["", "20mbit", "10mbit", "5mbit", "2mbit", "1mbit", "500kbit", "250kbit", "100kbit", "50kbit", "20kbit", "9600bit"] },
  { word: "duplicate", steps: ["", "0.5%", "1%", "2%", "5%", "10%", "20%", "50%"] },
  { word: "corrupt", steps: ["", "0.1%", "0.5%", "1%", "2%", "5%", "10%", "20%", "50%"] },
  { word: "reorder", steps: ["", "0.5%", "1%", "2%", "5%", "10%", "25%", "50%"] },
];

export type Words = ReadonlyMap<string, string>;

export function read(text: string): Words {
  return new Map(text.split(/\s+/).filter(Boolean).map((word) => word.split(/=(.*)/s).slice(0, 2) as [string, string]));
}

/**
 * The words with one of them changed; an empty value takes it away. What overtakes needs something that waits: the
 * server refuses reordering alone.
 */
export function withWord(text: string, word: string, value: string | undefined): string {
  const words = new Map(read(text));
  if (value) words.set(word, value);
  else words.delete(word);
  if (words.has("reorder") && !words.has("delay") && !words.has("jitter")) {
    if (word === "reorder") words.set("delay", "10ms");
    else words.delete("reorder");
  }
  return [...words].map(([key, given]) => (given === undefined || given === "" ? key : `${key}=${given}`)).join(" ");
}

/** The words with one of them, which has no value, or without it. */
export function withFlag(text: string, word: string, on: boolean): string {
  const rest = withWord(text, word, undefined);
  return on ? `${rest} ${word}`.trim() : rest;
}

const UNITS: Record<string, number> = { "%": 0.01, ns: 1e-6, us: 1e-3, ms: 1, s: 1000, bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9, "": 1 };

function measure(text: string): number {
  const parts = /^([\d.]+)([a-z%]*)$/.exec(text);
  return parts ? Number(parts[1]) * (UNITS[parts[2] ?? ""] ?? 1) : 0;
}

/** The position that is nearest to what the words say. */
export function position(knob: Knob, words: Words): number {
  const given = words.get(knob.word);
  if (given === undefined) return 0;
  const wanted = measure(given);
  let best = 1;
  knob.steps.forEach((step, i) => {
    if (i > 0 && Math.abs(measure(step) - wanted) < Math.abs(measure(knob.steps[best] ?? "") - wanted)) best = i;
  });
  return best;
}

/** What the words say of it, as its slider would: parts of one are per cent, and many bits are in a larger unit. */
export function said(knob: Knob, words: Words): string | undefined {
  const given = words.get(knob.word);
  if (given === undefined) return undefined;
  if (knob.steps[1]?.endsWith("%") && /^[\d.]+$/.test(given)) return `${Number((Number(given) * 100).toPrecision(3))}%`;
  const bits = given.endsWith("bit") ? measure(given) : 0;
  if (bits >= 1e6) return `${bits / 1e6}mbit`;
  return bits >= 1e4 ? `${bits / 1e3}kbit` : given;
}
