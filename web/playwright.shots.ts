// Pictures of every view into web/shots, which git ignores.
import { defineConfig } from "@playwright/test";
import stories from "./playwright.config.ts";

export default defineConfig(stories, { testMatch: "*.shots.ts", timeout: 240_000 });
