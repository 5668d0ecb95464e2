// A window over the records of a run: a few hundred rows that move through a capture of any length. Nothing else of the
// capture is ever in the page. How the rows are drawn is in `views/log`.

import { api } from "../api/http";
import type { Rec, RecordPage } from "../api/model";

/** Which records are shown. */
export interface Filter {
  endpoint?: string | undefined;
  peer?: string | undefined;
  kinds?: string | undefined;
}

/** At most so many rows are in the page. */
const MOST_ROWS = 400;
/** So many come at a time when one scrolls. */
const BLOCK = 120;
/** So many rows are there before and behind those on the screen after a jump; more come when one scrolls. */
const MARGIN = 20;
/** Where a filter finds little, so many windows are looked through before the newest rows are shown, and for older ones. */
const PATIENCE = { newest: 3, older: 60 };
/** No more often than this while records arrive (ms). */
const BEAT = 80;
/** So often all the same when nothing is told: a server that has much to do may tell late (ms). */
const IDLE = 500;

export class LogWindow {
  rows: Rec[] = $state.raw([]);
  /** The window stays at the newest record. */
  follow = $state(true);
  /** The reader asked it to stop; scrolling to the end does not start it again. */
  paused = $state(false);
  /** A filtered window is being looked for. */
  seeking = $state(false);
  /** First record of the capture, and the number that the next will have. */
  first = $state(0);
  next = $state(0);
  failure: unknown = $state.raw();
  /** Records from here to the first row have been looked at, and do not pass the filter. */
  #reached = $state(0);
  /** A row to draw attention to. */
  marked: number | undefined = $state();
  /** The row that was jumped to; the window stays there until it is moved. */
  landed: number | undefined = $state();
  /** How many rows fit on the screen; set by the component. */
  fits = 40;
  #run = "";
  #filter: Filter = {};
  /** Records from here on have not been looked at. */
  #cursor = 0;
  /** Rows before this are hidden: "clear" moves it to the end. */
  #floor = 0;
  #busy: Promise<void> | undefined;
  /** Counts the jumps that were asked for. */
  #jumps = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isIdle = false;
  #isLive = false;
  #abort = new AbortController();

  /** Shows a run, from its end. The same run and filter again change nothing. A live one goes on. */
  show(run: string, filter: Filter, first: number, next: number, isLive: boolean): void {
    this.#isLive = isLive;
    const same = run === this.#run && JSON.stringify(filter) === JSON.stringify(this.#filter);
    if (run !== this.#run) this.#floor = 0;
    this.first = first;
    // A window may have told of more already.
    this.next = run === this.#run ? Math.max(this.next, next) : next;
    if (same) {
      this.#poke();
      return;
    }
    this.#run = run;
    this.#filter = filter;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#busy = undefined;
    this.rows = [];
    this.#cursor = 0;
    this.marked = this.landed = undefined;
    if (!this.paused) this.follow = true;
    void this.newest().then(() => this.#poke());
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
  }

  get hidden(): boolean {
    return this.#floor > this.first;
  }

  /** Hides what is there now; the capture keeps it. */
  clear(): void {
    this.#floor = this.next;
    this.rows = [];
    this.follow = true;
    this.paused = false;
  }

  /** Shows again what was hidden. */
  unclear(): void {
    this.#floor = 0;
    void this.newest();
  }

  pause(): void {
    this.paused = true;
    this.follow = false;
  }

  resume(): void {
    this.paused = false;
    void this.newest();
  }

  /** To the end, and stays there. */
  newest(): Promise<void> {
    this.follow = !this.paused;
    this.marked = this.landed = undefined;
    return this.#alone(async (signal) => {
      const found = await this.#back(Infinity, Math.max(this.fits + 8, 30), signal, PATIENCE.newest);
      this.rows = found.rows;
      this.#cursor = found.cursor;
      this.#reached = found.reached;
    });
  }

  /** To the record of this number, or the first that is shown after it. Of several that wait only the last is done:
   *  gives whether this one was. */
  async jump(seq: number, mark = true): Promise<boolean> {
    this.follow = false;
    if (mark && seq < this.#floor) this.#floor = 0; // what is asked for is shown, also where the view was cleared
    const number = ++this.#jumps;
    let isDone = false;
    await this.#alone(async (signal) => {
      if (number !== this.#jumps) return;
      isDone = true;
      const found = await this.#around(seq, signal);
      this.rows = found.rows;
      this.#reached = found.reached;
      this.#cursor = found.cursor;
      this.marked = mark ? seq : undefined;
      this.landed = mark ? seq : found.rows.find((row) => row.seq >= seq)?.seq;
    });
    return isDone;
  }

  /** The records on the screen from this one on, and a few more on both sides: what is drawn at once is waited for.
   *  Where all are shown it is known where the first of them stands, and one question is enough. */
  async #around(seq: number, signal: AbortSignal): Promise<{ rows: Rec[]; cursor: number; reached: number }> {
    const shown = this.fits + MARGIN;
    if (Object.values(this.#filter).every((wanted) => wanted === undefined)) {
      const full = Math.min(seq - MARGIN, this.next - shown); // near the end the screen is filled as well
      const reached = Math.max(this.first, this.#floor, full);
      return { ...(await this.#forward(reached, shown + MARGIN, signal)), reached };
    }
    const [after, before] = await Promise.all([this.#forward(seq, shown, signal), this.#back(seq, shown, signal, PATIENCE.newest)]);
    return { rows: [...before.rows, ...after.rows], cursor: after.cursor, reached: before.reached };
  }

  /** There may be rows before the first. */
  get hasOlder(): boolean {
    return this.#reached > Math.max(this.first, this.#floor);
  }

  /** Adds rows at the beginning. */
  older(): Promise<void> {
    if (!this.hasOlder || this.#busy) return Promise.resolve();
    return this.#alone(async (signal) => {
      const more = await this.#back(this.#reached, BLOCK, signal, PATIENCE.older);
      this.#reached = more.reached;
      const rows = [...more.rows, ...this.rows];
      if (rows.length > MOST_ROWS) {
        this.rows = rows.slice(0, MOST_ROWS);
        this.#cursor = (this.rows.at(-1)?.seq ?? 0) + 1;
      } else this.rows = rows;
    });
  }

  /** Adds rows at the end. */
  newer(): Promise<void> {
    if (this.#busy || this.#cursor >= this.next) return Promise.resolve();
    return this.#alone(async (signal) => {
      const more = await this.#forward(this.#cursor, BLOCK, signal);
      this.#cursor = more.cursor;
      this.#append(more.rows, MOST_ROWS);
    });
  }

  get atEnd(): boolean {
    return this.#cursor >= this.next;
  }

  /** Looks for new records soon, if they are wanted. While a look brings some there is another, whoever tells. */
  #poke(isFlowing = false): void {
    if (!this.follow || !this.#isLive) return;
    const isDue = isFlowing || this.#cursor < this.next;
    if (this.#timer !== undefined && !(isDue && this.#isIdle)) return;
    clearTimeout(this.#timer);
    this.#isIdle = !isDue;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.follow || this.#busy) return;
      const before = this.#cursor;
      const { signal } = this.#abort;
      void this.#catchUp().then(() => signal.aborted || this.#poke(this.#cursor > before));
    }, isDue ? BEAT : IDLE);
  }

  #catchUp(): Promise<void> {
    const missing = this.next - this.#cursor;
    if (missing > BLOCK && this.#filter.peer === undefined && this.#filter.kinds === undefined) return this.newest();
    return this.#alone(async (signal) => {
      const more = await this.#forward(this.#cursor, BLOCK, signal);
      // Where a filter finds too many to show all, only the newest are of interest.
      if (more.rows.length >= BLOCK && more.cursor < this.next) {
        const newest = await this.#back(Infinity, this.fits + 8, signal, PATIENCE.newest);
        this.rows = newest.rows;
        this.#cursor = newest.cursor;
        this.#reached = newest.reached;
        return;
      }
      this.#cursor = more.cursor;
      if (more.rows.length > 0) this.#append(more.rows, Math.max(MOST_ROWS / 2, this.fits + 8));
    });
  }

  /** Adds rows at the end, and lets go of the first. */
  #append(more: Rec[], most: number): void {
    const rows = [...this.rows, ...more];
    this.rows = rows.slice(-most);
    if (rows.length > most) this.#reached = this.rows[0]?.seq ?? this.#reached;
  }

  /** One question at a time. */
  async #alone(ask: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { signal } = this.#abort;
    while (this.#busy) await this.#busy;
    if (signal.aborted) return;
    const asked = ask(signal).then(
      () => {
        if (!signal.aborted) this.failure = undefined;
      },
      (error: unknown) => {
        if (!signal.aborted) this.failure = error;
      },
    );
    this.#busy = asked;
    await asked;
    if (this.#busy === asked) this.#busy = undefined;
    this.seeking = false;
  }

  /** The last `limit` records before `from` that pass the filter, oldest first; where to go on after them, and how far
   *  back was looked in at most so many windows. From infinity, these are the newest. */
  async #back(from: number, limit: number, signal: AbortSignal, most: number): Promise<{ rows: Rec[]; cursor: number; reached: number }> {
    const found: Rec[][] = [];
    let missing = limit;
    let cursor = from;
    let at = from;
    for (let windows = 0; windows < most && missing > 0 && at > Math.max(this.first, this.#floor); windows += 1) {
      const page = await api.records(this.#run, { ...this.#filter, from: at === Infinity ? undefined : at - 1, limit: missing, dir: "back" }, signal);
      cursor = Math.min(cursor, page.last + 1);
      this.#learn(page);
      const rows = page.records.filter((row) => row.seq >= this.#floor);
      found.unshift(rows);
      missing -= page.records.length;
      const reached = page.next == null ? page.first : page.next + 1;
      const isOver = page.next == null || reached >= at;
      at = reached;
      if (isOver) break;
      this.seeking = true;
    }
    return { rows: found.flat(), cursor: cursor === Infinity ? this.first : cursor, reached: at === Infinity ? this.first : at };
  }

  /** The first `limit` records from `from` on that pass the filter, and where to go on. */
  async #forward(from: number, limit: number, signal: AbortSignal): Promise<{ rows: Rec[]; cursor: number }> {
    const rows: Rec[] = [];
    let at = Math.max(from, this.#floor);
    while (rows.length < limit) {
      const page = await api.records(this.#run, { ...this.#filter, from: at, limit: limit - rows.length, dir: "forward" }, signal);
      this.#learn(page);
      rows.push(...page.records);
      at = Math.max(at, page.next ?? page.last + 1);
      if (page.complete) break;
      this.seeking = true;
    }
    return { rows, cursor: at };
  }

  #learn(page: RecordPage): void {
    this.first = page.first;
    this.next = Math.max(this.next, page.last + 1);
  }
}
