// Bytes of records as text, in the encoding of each peer. A character may begin in one read and end in the next: so what
// a peer sent is decoded in one go through the rows, a decoder for each peer and way.

import type { Rec } from "../api/model";
import { fromBase64 } from "./bytes";

/** A decoder of that name; UTF-8 where the browser does not know it. */
function decoder(encoding: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { ignoreBOM: true });
  } catch {
    return new TextDecoder();
  }
}

/** What each row says: its text where it has no bytes, else these in the encoding that `of` gives for it. */
export function decodeRows(rows: readonly Rec[], of: (record: Rec) => string): string[] {
  const open = new Map<string, TextDecoder>();
  const encodings = new Map<string, string>();
  return rows.map((row) => {
    if (row.data == null) return row.text ?? "";
    const peer = row.peer ?? row.endpoint;
    let encoding = encodings.get(peer);
    if (encoding === undefined) encodings.set(peer, (encoding = of(row)));
    const bytes = fromBase64(row.data);
    // Where it is cut, a character that is not whole is left out with the rest.
    if (row.datagram) return decoder(encoding).decode(bytes, { stream: row.cut ?? false });
    const way = `${row.kind} ${peer}`;
    let stream = open.get(way);
    if (!stream) open.set(way, (stream = decoder(encoding)));
    const text = stream.decode(bytes, { stream: true });
    if (row.cut) open.set(way, behind(stream, row, bytes.length));
    return text;
  });
}

/** A decoder that stands where a record ends of which only the first bytes were decoded, and the last are known. */
function behind(stream: TextDecoder, row: Rec, decoded: number): TextDecoder {
  const tail = fromBase64(row.tail ?? "");
  const missing = row.bytes - decoded - tail.length;
  const isWide = stream.encoding.startsWith("utf-16");
  if (missing > 0 && !isWide) {
    const safe = stream.encoding === "utf-8" ? 0 : lastEnd(tail);
    if (safe !== undefined) {
      const fresh = decoder(stream.encoding);
      fresh.decode(tail.subarray(safe), { stream: true });
      return fresh;
    }
  }
  // Two bytes a letter, as far as one can see: what is left out is an even number of them.
  stream.decode(tail.subarray(missing % 2), { stream: true });
  return stream;
}

/** Where the last character that can be told from the others ends: an ASCII one, or one whose second byte looks so. A
 *  digit behind a byte that is none may be amid four bytes of GB18030. */
function lastEnd(bytes: Uint8Array): number | undefined {
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    const byte = bytes[at] ?? 0;
    const isDigit = byte >= 0x30 && byte <= 0x39;
    if (byte < 0x80 && !(isDigit && (at === 0 || (bytes[at - 1] ?? 0) >= 0x80))) return at + 1;
  }
  return undefined;
}
