// How the page looks: its theme, its language, and which view is shown. The address bar's # has the view, so that the
// browser's own Back and a bookmark work.

import { speak } from "../api/http";
import { oneOf, Stored } from "./stored.svelte";

export type Theme = "system" | "light" | "dark";
export type Lang = "en" | "zh";
export const VIEWS = ["assistant", "boards", "lan", "captures"] as const;
export type View = (typeof VIEWS)[number];

class Look {
  readonly #theme = new Stored<Theme>("theme", "system", oneOf("system", "light", "dark"));
  readonly #lang = new Stored<Lang>("lang", navigator.language.startsWith("zh") ? "zh" : "en", oneOf("en", "zh"));
  view: View = $state("assistant");
  /** What follows the view in the address: a run, a board. */
  item = $state("");
  /** Whether somebody has asked for a view, by a link or a bookmark. */
  chosen = $state(false);

  constructor() {
    this.#follow();
    window.addEventListener("hashchange", () => this.#follow());
    this.theme = this.theme;
    this.lang = this.lang;
  }

  get theme(): Theme {
    return this.#theme.value;
  }

  set theme(theme: Theme) {
    this.#theme.value = theme;
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
  }

  get lang(): Lang {
    return this.#lang.value;
  }

  set lang(lang: Lang) {
    this.#lang.value = lang;
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    speak(document.documentElement.lang);
  }

  /** Shows a view, and puts it into the browser's history. */
  go(view: View, item = ""): void {
    location.hash = item ? `${view}/${encodeURIComponent(item)}` : view;
  }

  #follow(): void {
    const [view, item] = location.hash.slice(1).split("/");
    this.chosen ||= view !== "";
    this.view = VIEWS.find((known) => known === view) ?? "assistant";
    this.item = decodeURIComponent(item ?? "");
  }
}

export const look = new Look();
