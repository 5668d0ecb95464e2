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
  /** What was printed before is on the screen. What it asked of the terminal was answered then, by whoever sat here. */
  #isReplayed = false;
  #over = false;

  constructor(
    host: HTMLElement,
    board: string,
    label: string,
    leave: () => void,
    /** Whether what is typed arrives. */
    readonly tell: (isThere: boolean) => void,
  ) {
    const documents = documentWithSheets(this.#closing);
    this.#terminal = new Terminal({
      documentOverride: documents,
      fontFamily: getComputedStyle(host).fontFamily,
      fontSize: 13,
      scrollback: SCROLLBACK,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      convertEol: false,
      theme: themeOf(host),
    });
    this.#terminal.loadAddon(this.#fit);
    // Part of it asks the page's own document, and only while it opens.
    document.createElement = documents.createElement;
    try {
      this.#terminal.open(host);
    } finally {
      Reflect.deleteProperty(document, "createElement");
    }
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
    if (this.#isReplayed && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(bytes);
  }

  #dial(board: string): void {
    if (this.#over) return;
    const socket = new WebSocket(socketUrl(`/api/boards/${encodeURIComponent(board)}/console`));
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#isReplayed = false;
    socket.onopen = () => {
      this.#terminal.reset(); // all of it comes again
      this.tell(true);
    };
    socket.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer) this.#terminal.write(new Uint8Array(event.data));
      // It is written when the terminal comes to it.
      else if (String(event.data).includes("replayed")) this.#terminal.write("", () => (this.#isReplayed = socket === this.#socket));
    };
    socket.onclose = () => {
      if (this.#over) return;
      this.tell(false);
      setTimeout(() => this.#dial(board), AGAIN);
    };
  }
}

/** What the page's colours are now. */
function themeOf(host: HTMLElement): ITheme {
  const style = getComputedStyle(host);
  return { background: style.backgroundColor, foreground: style.color, cursor: style.color, cursorAccent: style.backgroundColor, selectionBackground: "#4fc3cf55" };
}

/** A document as the terminal needs it. It would put its styles into style elements and attributes, which the page's
 *  policy refuses. It gets templates instead, which show nothing: what it writes there becomes constructed sheets, and
 *  what it says in attributes is set as properties; both are allowed. */
function documentWithSheets(closing: (() => void)[]): Document {
  const create = (name: string, options?: ElementCreationOptions): HTMLElement => {
    const element = Document.prototype.createElement.call(document, name === "style" ? "template" : name, options);
    if (name === "style") adopt(element, closing);
    else element.setAttribute = setWithoutStyle;
    return element;
  };
  return new Proxy(document, {
    get(target, key) {
      if (key === "createElement") return create;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

function setWithoutStyle(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

/** What is written into the element is a style sheet of the page, until the terminal is closed. */
function adopt(element: HTMLElement, closing: (() => void)[]): void {
  const sheet = new CSSStyleSheet();
  const watch = new MutationObserver(() => sheet.replaceSync(element.textContent ?? ""));
  watch.observe(element, { childList: true, characterData: true, subtree: true });
  document.adoptedStyleSheets.push(sheet);
  closing.push(() => {
    watch.disconnect();
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
  });
}
