// The one WebSocket: a snapshot, then changes by number. It reconnects by itself, and asks for a new snapshot where a
// number is missing. What is done with the changes is in `bench`.

import { socketUrl } from "../api/http";
import type { Message } from "../api/model";

/** How the line to the server is. */
export type Line = "connecting" | "open" | "lost" | "locked";

const FIRST_WAIT = 250;
const LONGEST_WAIT = 4000;
/** A server that says nothing for so long, not even to a ping, is gone (ms). */
const SILENCE = 15_000;

export class Live {
  line: Line = $state("connecting");
  #socket: WebSocket | undefined;
  #next = 0;
  #wait = FIRST_WAIT;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heard = 0;
  #over = false;

  constructor(
    readonly take: (message: Message) => void,
    /** Whether the server still knows this page; asked when a connection was refused. */
    readonly isKnown: () => Promise<boolean>,
  ) {}

  start(): void {
    this.#dial();
    const pulse = setInterval(() => this.#pulse(), SILENCE / 3);
    const hurry = () => this.line === "lost" && this.#again(0);
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    this.stop = () => {
      this.#over = true;
      clearInterval(pulse);
      clearTimeout(this.#timer);
      window.removeEventListener("online", hurry);
      document.removeEventListener("visibilitychange", hurry);
      this.#socket?.close();
    };
  }

  stop: () => void = () => {};

  #dial(): void {
    if (this.#over) return;
    const socket = new WebSocket(socketUrl("/api/live"));
    this.#socket = socket;
    this.#heard = performance.now();
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#hear(String(event.data));
    };
    socket.onclose = () => {
      if (socket === this.#socket) void this.#lost();
    };
  }

  #hear(text: string): void {
    this.#heard = performance.now();
    const message = JSON.parse(text) as Message;
    if (message.type === "snapshot") {
      this.line = "open";
      this.#wait = FIRST_WAIT;
    } else if (message.n !== this.#next) {
      this.#socket?.close(); // something is missing: the next connection begins with a snapshot
      return;
    }
    this.#next = message.n + 1;
    this.take(message);
  }

  async #lost(): Promise<void> {
    this.#socket = undefined;
    if (this.#over) return;
    if (this.line !== "locked") this.line = "lost";
    const wait = this.#wait;
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    // A refused upgrade looks like a server that is away; only a plain request tells them apart.
    this.line = (await this.isKnown()) ? "lost" : "locked";
    this.#again(wait);
  }

  #again(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (!this.#socket) this.#dial();
    }, wait);
  }

  #pulse(): void {
    const silent = performance.now() - this.#heard;
    if (silent > SILENCE) this.#socket?.close();
    else if (this.#socket?.readyState === WebSocket.OPEN && silent > SILENCE / 3) this.#socket.send('{"type":"ping"}');
  }
}
