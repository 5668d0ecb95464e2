// A server with a folder of its own for each test, and the clients that talk to it. Nothing here stands in for the
// server: it is the program, started as a user starts it.

import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test as base, type Page } from "@playwright/test";

const ROOT = join(import.meta.dirname, "../..");
const SOCKLAB = process.env["SOCKLAB_BIN"] ?? join(ROOT, "target/debug/socklab");

/** A running server. */
export class Workbench {
  url = "";
  #process: ChildProcess | undefined;

  constructor(readonly data: string) {}

  /** Port 0 takes any; the token is its own unless one is given. */
  async start(port = 0, token?: string): Promise<void> {
    const dev = process.env["SOCKLAB_DEV"];
    const [command, words] = dev
      ? [dev, ["--port", String(port), "--token", token ?? "test", "--data", this.data, "--boards", SOCKLAB, "--page", join(ROOT, "web/dist")]]
      : [SOCKLAB, ["serve", "--no-open", "--listen", `127.0.0.1:${port}`, "--data", this.data, ...(token ? ["--token", token] : [])]];
    const child = spawn(command, words, { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] });
    this.#process = child;
    this.url = await said(child, /http:\/\/\S+token=[\w-]+/);
  }

  get origin(): string {
    return new URL(this.url).origin;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get token(): string {
    return new URL(this.url).searchParams.get("token") ?? "";
  }

  /** A request of a program, which knows the token. */
  async ask<T>(path: string, body?: unknown): Promise<T> {
    const headers = { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" };
    const response = await fetch(this.origin + path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
    const answer = (await response.json()) as T;
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Opens an endpoint; gives the port that it got. */
  async open(url: string): Promise<number> {
    const opened = await this.ask<{ url: string }>("/api/command", { do: "open", url });
    return Number(/:(\d+)(?:\?|$)/.exec(opened.url)?.[1]);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.stdin?.end();
    child.kill("SIGINT");
    await gone;
  }
}

/** Waits for a program to say something; fails with all that it said when it ends without. */
function said(child: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const hear = (chunk: Buffer) => {
      text += chunk.toString();
      const found = wanted.exec(text);
      if (found) resolve(found[0]);
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${text}`)));
    child.once("error", reject);
  });
}

/** A program at the other end. */
export class Client {
  text = "";
  readonly ended: Promise<number | null>;

  constructor(readonly process: ChildProcessWithoutNullStreams) {
    process.stdout.on("data", (chunk: Buffer) => (this.text += chunk.toString("latin1")));
    process.stderr.on("data", (chunk: Buffer) => (this.text += chunk.toString()));
    process.stdin.on("error", () => {});
    this.ended = new Promise((resolve) => process.once("exit", resolve));
  }

  write(text: string | Uint8Array): void {
    this.process.stdin.write(text);
  }

  /** End of input: it sends no more. */
  finish(): void {
    this.process.stdin.end();
  }
}

interface Fixtures {
  bench: Workbench;
  /** `python3 -c` with this program. */
  python: (program: string, ...words: string[]) => Client;
  nc: (...words: string[]) => Client;
}

export const test = base.extend<Fixtures>({
  bench: async ({}, use) => {
    const data = mkdtempSync(join(tmpdir(), "socklab-web-"));
    const bench = new Workbench(data);
    await bench.start();
    await use(bench);
    await bench.stop();
    rmSync(data, { recursive: true, force: true });
  },
  python: async ({}, use) => {
    const clients: Client[] = [];
    await use((program, ...words) => {
      const client = new Client(spawn("python3", ["-u", "-c", program, ...words]));
      clients.push(client);
      return client;
    });
    for (const client of clients) client.process.kill();
  },
  nc: async ({}, use) => {
    const clients: Client[] = [];
    await use((...words) => {
      const client = new Client(spawn("nc", words));
      clients.push(client);
      return client;
    });
    for (const client of clients) client.process.kill();
  },
  page: async ({ page }, use) => {
    // A page that breaks its own policy, or throws, is a failure whatever else it shows.
    const wrong: string[] = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource|WebSocket connection|Content Security Policy/.test(message.text())) wrong.push(message.text());
    });
    // Chromium itself styles what it types into the editor for a moment, which the policy refuses and nobody sees.
    await page.exposeFunction("violated", (directive: string, target: string) => {
      if (directive !== "style-src-attr" || target !== "editor") wrong.push(`${directive} at ${target}`);
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        const target = event.target instanceof Element ? event.target.className.split(" ")[0] : "document";
        (globalThis as unknown as { violated(directive: string, target: string): void }).violated(event.effectiveDirective, target ?? "");
      });
    });
    await use(page);
    expect(wrong).toEqual([]);
  },
});

export { expect };

/** What the server tells the page on its own, which can be held back for a while. To be made before the visit. */
export async function changesOf(page: Page) {
  let held: (() => void)[] | undefined;
  await page.routeWebSocket(/\/api\/live/, (socket) => {
    socket.connectToServer().onMessage((message) => {
      const tell = () => socket.send(message);
      if (held) held.push(tell);
      else tell();
    });
  });
  return {
    hold: () => void (held = []),
    release: () => {
      const late = held ?? [];
      held = undefined;
      for (const tell of late) tell();
    },
  };
}

/** Opens the page as the printed link does, past the first visit. */
export async function visit(page: Page, bench: Workbench, view = ""): Promise<void> {
  await page.addInitScript(() => localStorage.setItem("socklab.been", "true"));
  await page.goto(bench.url);
  if (view) await page.goto(`${bench.origin}/#${view}`);
  await expect(page.locator("footer .led")).toHaveClass(/on/);
}

/** A port of this machine that nobody listens on now. */
export async function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
