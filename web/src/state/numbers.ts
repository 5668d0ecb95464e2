// Numbers in what a device sends: `name:value` and `name=value`, Teleplot's `name:time:value§unit|flags`, VOFA+'s FireWater
// `any:1,2,3` and JustFloat frames, CSV, keys of JSON objects. Each becomes a point of a named series.

export interface Point {
  name: string;
  value: number;
  unit?: string;
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const NAME = /^[^\d\s:=,;{}[\]"§|][^:=,;{}[\]"§|]{0,39}$/u;

/** Teleplot's several values of one name, each with its time: `name:time:value;time:value§unit|flags`. */
const TIMED = /^(>?[^:=;]+):((?:[^:=;§|]+:[^:=;§|]+;)+[^:=;§|]+:[^:=;§|]+)((?:§|\|).*)?$/u;

function number(text: string): number | undefined {
  const trimmed = text.trim();
  const value = NUMBER.test(trimmed) ? Number(trimmed) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

/** The numbers of one line. A line that is something else has none. */
export function fromLine(line: string): Point[] {
  const text = line.trim();
  if (text === "" || text.length > 4096) return [];
  if (text.startsWith("{") || text.startsWith("[")) return fromJson(text);
  const timed = TIMED.exec(text);
  if (timed) return (timed[2] ?? "").split(";").flatMap((pair) => fromPair(`${timed[1]}:${pair}${timed[3] ?? ""}`));
  const bare = text.split(/[,;\t ]+/).filter(Boolean);
  const values = bare.map(number);
  if (values.every((value) => value !== undefined)) return values.map((value, i) => ({ name: `${i + 1}`, value: value as number }));
  // `any:1,2,3` has bare numbers after the first comma; `a:1,b:2` has names.
  const channels = /^([^:=]*)[:=]([^:=]+)$/.exec(text);
  const list = channels?.[2]?.split(",");
  if (channels && list && list.length > 1) {
    const numbers = list.map(number);
    const name = channels[1]?.trim();
    if (numbers.every((value) => value !== undefined)) {
      return numbers.map((value, i) => ({ name: name ? `${name}.${i + 1}` : `${i + 1}`, value: value as number }));
    }
  }
  // A name of several words begins the line; one that follows a value, and perhaps its unit, is a word.
  return text.split(/[,;\t]+|(?<=[:=]\s*\S+(?:\s+[^\s:=]+)?)\s+(?=[^\s:=]+\s*[:=])/).flatMap(fromPair);
}

/** `name:value`, `name=value`, `>name:time:value§unit|flags`. */
function fromPair(text: string): Point[] {
  const [head = ""] = text.replace(/^\s*>/, "").split("|");
  const [body = "", unit] = head.split("§");
  const parts = body.split(/[:=]/).map((part) => part.trim());
  const name = parts[0] ?? "";
  if (parts.length < 2 || parts.length > 3 || !NAME.test(name)) return [];
  const last = parts.at(-1) ?? "";
  if (/^[+-]?0x/i.test(last)) return []; // 0 of a unit called x10 is not meant
  const measured = /^([+-]?[\d.]+(?:e[+-]?\d+)?)(?:\s*([°℃℉%µΩA-Za-z][\w°/%²³]{0,7}))?(?:\s|$)/u.exec(last);
  const value = number(measured?.[1] ?? last);
  const of = unit ?? measured?.[2];
  return value === undefined ? [] : [{ name, value, ...(of ? { unit: of } : {}) }];
}

function fromJson(text: string): Point[] {
  try {
    const found: Point[] = [];
    collect(JSON.parse(text), "", found);
    return found;
  } catch {
    return [];
  }
}

function collect(value: unknown, name: string, found: Point[]): void {
  if (found.length >= 32) return;
  if (typeof value === "number" && Number.isFinite(value)) found.push({ name: name || "1", value });
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      const word = Array.isArray(value) ? String(Number(key) + 1) : key; // as in CSV, from 1
      collect(inner, name ? `${name}.${word}` : word, found);
    }
  }
}

/** Numbers of a stream, which comes in pieces that have nothing to do with its lines. */
export class NumberStream {
  #rest = "";
  #bytes: number[] = [];

  take(text: string, data: Uint8Array): Point[] {
    const floats = this.#justFloat(data);
    if (floats.length > 0) return floats;
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = (lines.pop() ?? "").slice(-4096);
    return lines.flatMap(fromLine);
  }

  /** A datagram is a message by itself, with a line end or without. */
  takeWhole(text: string, data: Uint8Array): Point[] {
    this.#rest = "";
    const floats = this.#justFloat(data);
    return floats.length > 0 ? floats : text.split(/\r\n|\n|\r/).flatMap(fromLine);
  }

  /** Little-endian floats, and 00 00 80 7f after the last of a frame. */
  #justFloat(data: Uint8Array): Point[] {
    this.#bytes.push(...data.subarray(-4096));
    const found: Point[] = [];
    for (let end = tail(this.#bytes); end >= 0; end = tail(this.#bytes)) {
      const frame = new Uint8Array(this.#bytes.slice(0, end));
      this.#bytes.splice(0, end + 4);
      if (end === 0 || end % 4 !== 0) continue;
      const view = new DataView(frame.buffer);
      for (let i = 0; i < end / 4; i += 1) {
        const value = view.getFloat32(i * 4, true);
        if (Number.isFinite(value)) found.push({ name: `${i + 1}`, value });
      }
    }
    if (this.#bytes.length > 4096) this.#bytes.splice(0, this.#bytes.length - 4096);
    return found;
  }
}

function tail(bytes: number[]): number {
  for (let i = 0; i + 3 < bytes.length; i += 1) {
    if (bytes[i] === 0 && bytes[i + 1] === 0 && bytes[i + 2] === 0x80 && bytes[i + 3] === 0x7f) return i;
  }
  return -1;
}
