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
    if (row.datagram) return decoder(encoding).decode(bytes);
    const way = `${row.kind} ${peer}`;
    let stream = open.get(way);
    if (!stream) open.set(way, (stream = decoder(encoding)));
    const text = stream.decode(bytes, { stream: !row.cut });
    if (row.cut) open.delete(way);
    return text;
  });
}
