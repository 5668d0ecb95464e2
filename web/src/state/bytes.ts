// Bytes as a person reads and types them. What a device sends is only ever a string in a text node; here what would not
// be seen, or would turn the line around, becomes an escape.

const NAMED: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0" };
// C0 and C1 controls; bidi marks, embeddings and isolates; zero-width and invisible characters; what stands for broken bytes stays.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb]/g;

/** Text with escapes for what cannot be seen. */
export function visible(text: string): string {
  return text.replace(UNSEEN, escaped);
}

/** A stretch of text, or an escape for what cannot be seen. */
export interface Part {
  text: string;
  isEscape: boolean;
}

/** Text and escapes apart. With `breaks`, line breaks inside of it stay what they are; those at its end are escapes. */
export function parts(text: string, breaks: boolean): Part[] {
  const found: Part[] = [];
  const end = breaks ? (/[\r\n]*$/.exec(text)?.index ?? text.length) : 0;
  let plain = "";
  let escapes = "";
  const turn = () => {
    if (plain) found.push({ text: plain, isEscape: false });
    if (escapes) found.push({ text: escapes, isEscape: true });
    plain = escapes = "";
  };
  let at = 0;
  for (const match of text.matchAll(UNSEEN)) {
    const before = text.slice(at, match.index);
    if (before && escapes) turn();
    plain += before;
    at = match.index + match[0].length;
    const stays = match.index < end && (match[0] === "\n" || (match[0] === "\r" && text[at] === "\n"));
    if (!stays) escapes += escaped(match[0]);
    else if (match[0] === "\n") {
      if (escapes) turn();
      plain += "\n";
    }
  }
  if (at < text.length && escapes) turn();
  plain += text.slice(at);
  turn();
  return found;
}

function escaped(letter: string): string {
  const code = letter.codePointAt(0) ?? 0;
  return NAMED[letter] ?? (code < 256 ? `\\x${hex2(code)}` : `\\u{${code.toString(16)}}`);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hex2(byte: number): string {
  return HEX[byte] ?? "";
}

export function fromBase64(text: string): Uint8Array {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** `48 65 6c`. */
export function hex(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 1) text += (i ? " " : "") + hex2(bytes[i] ?? 0);
  return text;
}

/** Lines of sixteen: offset, bytes, letters. */
export function dump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const letters = Array.from(row, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${hex(row).padEnd(47)}  ${letters}`);
  }
  return lines.join("\n");
}

/** What is wrong with text that should be hex: an odd digit, or a letter that is none. Empty when nothing is. */
export function hexFault(text: string): "" | "odd" | "letter" {
  const digits = text.replace(/0x/gi, " ").replace(/[\s,:;-]+/g, "");
  if (/[^0-9a-f]/i.test(digits)) return "letter";
  return digits.length % 2 ? "odd" : "";
}

/** How many bytes that is; as UTF-8 for text. */
export function length(text: string, isHex: boolean): number {
  if (!isHex) return new TextEncoder().encode(text).length;
  return Math.floor(text.replace(/0x/gi, " ").replace(/[^0-9a-f]/gi, "").length / 2);
}
