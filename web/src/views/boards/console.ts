// A terminal on a board's console. What it needs of xterm.js is loaded with it.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { socketUrl } from "../../api/http";

/** Lines that can be scrolled back to. */
const SCROLLBACK = 5000;
const AGAIN = 600;

export class BoardConsole {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  readonly #closing: (() => void)[] = [];
  #socket: WebSocket | undefined;
  #over = false;

  constructor(host: HTMLElement, board: string, label: string, leave: () => void) {
    this.#terminal = new Terminal({
      fontFamily: getComputedStyle(host).fontFamily,
      fontSize: 13,
      scrollback: SCROLLBACK,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      convertEol: false,
      theme: themeOf(host),
    });
    this.#terminal.loadAddon(this.#fit);
    openWithSheets(this.#terminal, host, this.#closing);
    this.#terminal.textarea?.setAttribute("aria-label", label);
    // Tab belongs to the prompt's completion; F6 is the way out.
    this.#terminal.attachCustomKeyEventHandler((event) => {
      if (event.key !== "F6") return true;
      if (event.type === "keydown") leave();
      event.preventDefault();
      return false;
    });
    this.#terminal.onData((data) => this.#send(new TextEncoder().encode(data)));
    this.#terminal.onBinary((data) => this.#send(Uint8Array.from(data, (letter) => letter.charCodeAt(0))));
    const resized = new ResizeObserver(() => this.#fit.fit());
    resized.observe(host);
    this.#closing.push(() => resized.disconnect());
    this.#dial(board);
  }

  /** After the theme has changed. */
  repaint(host: HTMLElement): void {
    this.#terminal.options.theme = themeOf(host);
  }

  clear(): void {
    this.#terminal.clear();
  }

  focus(): void {
    this.#terminal.focus();
  }

  close(): void {
    this.#over = true;
    this.#socket?.close();
    for (const close of this.#closing) close();
    this.#terminal.dispose();
  }

  #send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
  }

  #dial(board: string): void {
    if (this.#over) return;
    const socket = new WebSocket(socketUrl(`/api/boards/${encodeURIComponent(board)}/console`));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer) this.#terminal.write(new Uint8Array(event.data));
    };
    socket.onclose = () => setTimeout(() => this.#dial(board), AGAIN);
  }
}

/** What the page's colours are now. */
function themeOf(host: HTMLElement): ITheme {
  const style = getComputedStyle(host);
  return { background: style.backgroundColor, foreground: style.color, cursor: style.color, cursorAccent: style.backgroundColor, selectionBackground: "#4fc3cf55" };
}

/** Opens the terminal so that the styles it writes hold: it would put them into style elements, which the page's policy
 *  refuses. As plain text those stay silent, and what is in them becomes constructed sheets, which are allowed. */
function openWithSheets(terminal: Terminal, host: HTMLElement, closing: (() => void)[]): void {
  const create = document.createElement.bind(document);
  const take = (element: HTMLStyleElement) => {
    const sheet = new CSSStyleSheet();
    const read = () => sheet.replaceSync(element.textContent ?? "");
    const watch = new MutationObserver(read);
    watch.observe(element, { childList: true, characterData: true, subtree: true });
    document.adoptedStyleSheets.push(sheet);
    closing.push(() => {
      watch.disconnect();
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    });
  };
  document.createElement = ((name: string, options?: ElementCreationOptions) => {
    const element = create(name, options);
    if (element instanceof HTMLStyleElement) {
      element.type = "text/plain";
      take(element);
    }
    return element;
  }) as typeof document.createElement;
  try {
    terminal.open(host);
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
}
