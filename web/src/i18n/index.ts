// What the page says. Both languages have the same shape by type: a message that one of them lacks is an error of the
// compiler.

import { look } from "../state/look.svelte";
import { en } from "./en";
import { zh } from "./zh";

/** Letters instead of literal types, so that another language can say it otherwise. */
type Said<T> = { [K in keyof T]: T[K] extends string ? string : T[K] extends (...given: infer G) => string ? (...given: G) => string : Said<T[K]> };
export type Messages = Said<typeof en>;

/** The messages in the language of now; reading them in a component follows a change. */
export function t(): Messages {
  return look.lang === "zh" ? zh : en;
}

/** 1234567 as the language writes it. */
export function count(value: number): string {
  return value.toLocaleString(look.lang === "zh" ? "zh-CN" : "en-US");
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes in a few letters: 12.3 MB, powers of a thousand. */
export function size(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** A day and time of this computer's zone, from ms since 1970. */
export function moment(ms: number): string {
  return new Date(ms).toLocaleString(look.lang === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** How long something took, in a few letters. */
export function span(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
