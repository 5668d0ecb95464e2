// Frames of the virtual network while somebody looks: the newest of them, how long segments took to be acknowledged,
// and the windows that were offered.

import { api } from "../api/http";
import type { Frame } from "../api/model";

const MOST = 4000;
const BEAT = 250;
const MOST_POINTS = 1500;
/** Segments of one direction that wait for their acknowledgement. */
const MOST_WAITING = 256;

/** A value at a time, in seconds since 1970. */
export interface Sample {
  x: number;
  y: number;
}

/** What was seen of one direction of a connection, by `from → to`. */
export interface Track {
  name: string;
  board: string;
  /** Milliseconds from a segment to the acknowledgement of its end. */
  rtt: Sample[];
  /** Bytes that the sender of this direction may be sent, without the scale. */
  window: Sample[];
}

export class Traffic {
  frames: Frame[] = $state.raw([]);
  paused = $state(false);
  failed = $state(false);
  version = $state(0);
  readonly tracks = new Map<string, Track>();
  readonly #waiting = new Map<string, { end: number; at: number }[]>();
  #from = 0;

  /** Asks again and again; gives the way to stop it. */
  follow(isOpen: () => boolean): () => void {
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      if (!this.paused && isOpen() && !document.hidden) await this.#ask();
      if (!over) timer = setTimeout(() => void ask(), BEAT);
    };
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }

  clear(): void {
    this.frames = [];
  }

  async #ask(): Promise<void> {
    try {
      const page = await api.frames(this.#from);
      this.failed = false;
      if (page.next < this.#from) this.frames = [];
      this.#from = page.next;
      if (page.frames.length === 0) return;
      for (const frame of page.frames) this.#note(frame);
      this.frames = [...this.frames, ...page.frames].slice(-MOST);
      this.version += 1;
    } catch {
      this.failed = true;
    }
  }

  #note(frame: Frame): void {
    const tcp = frame.tcp;
    if (!tcp || !frame.delivered) return;
    const way = `${tcp.from} → ${tcp.to}`;
    const back = `${tcp.to} → ${tcp.from}`;
    push(this.#track(way, frame.board).window, { x: frame.at / 1000, y: tcp.window });
    const length = tcp.length + (tcp.syn ? 1 : 0) + (tcp.fin ? 1 : 0);
    // What was sent again tells nothing: which of the two was acknowledged?
    if (tcp.again) this.#waiting.delete(way);
    else if (length > 0) {
      const list = this.#waiting.get(way) ?? [];
      list.push({ end: (tcp.seq + length) >>> 0, at: frame.at });
      this.#waiting.set(way, list.slice(-MOST_WAITING));
    }
    const waiting = this.#waiting.get(back);
    if (!tcp.ack || !waiting) return;
    const done = waiting.filter((each) => ((tcp.ack_number - each.end) | 0) >= 0);
    const last = done.at(-1);
    if (!last) return;
    push(this.#track(back, frame.board).rtt, { x: frame.at / 1000, y: frame.at - last.at });
    this.#waiting.set(back, waiting.slice(done.length));
  }

  #track(name: string, board: string): Track {
    let track = this.tracks.get(name);
    if (!track) this.tracks.set(name, (track = { name, board, rtt: [], window: [] }));
    return track;
  }
}

function push(samples: Sample[], sample: Sample): void {
  const last = samples.at(-1);
  samples.push(last && sample.x <= last.x ? { x: last.x + 1e-6, y: sample.y } : sample);
  if (samples.length > MOST_POINTS) samples.shift();
}
