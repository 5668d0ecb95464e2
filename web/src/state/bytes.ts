// Bytes as a person reads and types them. What a device sends is only ever a string in a text node; here what would not
// be seen, or would turn the line around, becomes an escape.

const NAMED: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0" };
// As the terminal has them (`capture::escape`): C0 and C1 controls; bidi marks, embeddings and isolates; what takes no room
// of its own; tags; what is never a character. What stands for broken bytes stays.
const UNSEEN =
  /[\u{0}-\u{1f}\u{7f}-\u{9f}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180e}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{3164}\u{fdd0}-\u{fdef}\u{feff}\u{ffa0}\u{fff0}-\u{fffb}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}\p{Noncharacter_Code_Point}]/gu;

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

// As the server reads it: two digits a byte, each of which, or a group of which, may begin with 0x or \\x.
const SEPARATORS = /[\p{White_Space},:;]*/uy;
const BYTE = /(?:0x|\\x)?[0-9a-f]{2}/iuy;
/** A digit without its partner, or a prefix without digits. */
const HALF = /(?:(?:0x|\\x)[0-9a-f]?|[0-9a-f])(?:$|[\p{White_Space},:;\\])/iuy;

/** Hex as the server reads it: how many bytes it is, up to what is wrong with it, if anything is. */
export function readHex(text: string): { bytes: number; fault: "" | "odd" | "letter" } {
  let at = 0;
  const takes = (pattern: RegExp) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found !== null;
  };
  for (let bytes = 0; ; bytes += 1) {
    takes(SEPARATORS);
    if (at === text.length) return { bytes, fault: "" };
    if (!takes(BYTE)) return { bytes, fault: takes(HALF) ? "odd" : "letter" };
  }
}

/** How many bytes that is; as UTF-8 for text. */
export function length(text: string, isHex: boolean): number {
  return isHex ? readHex(text).bytes : new TextEncoder().encode(text).length;
}
