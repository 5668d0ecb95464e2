// Everything the server has told: endpoints, peers, boards, the network, counters. Commands go out from here too, so that
// what went wrong is said in one place.

import { api, ApiError, isLockedOut } from "../api/http";
import type { Answer, Board, Change, Command, Endpoint, Hello, Job, Label, Lan, Log, Message, Notice, Peer, Snapshot, Totals } from "../api/model";
import { Live } from "./live.svelte";
import { look } from "./look.svelte";
import { reason } from "./reason";

/** Something to read for a while. */
export interface Remark {
  id: number;
  level: "info" | "warn" | "error";
  text: string;
  /** When: on the page's own clock (ms). */
  said: number;
}

const MOST_REMARKS = 4;
const READING_TIME = 8000;
const NO_TOTALS: Totals = { received: 0, sent: 0, received_records: 0, sent_records: 0 };

class Bench {
  hello: Hello | undefined = $state.raw();
  endpoints: Endpoint[] = $state.raw([]);
  peers: Peer[] = $state.raw([]);
  boards: Board[] = $state.raw([]);
  lan: Lan | undefined = $state.raw();
  jobs: Job[] = $state.raw([]);
  /** What endpoints and peers of this run are called, and how they are read; also of those that are gone. */
  labels: ReadonlyMap<string, Label> = $state.raw(new Map());
  /** What is wrong now, until it is over. */
  standing: Notice[] = $state.raw([]);
  log: Log | undefined = $state.raw();
  totals: Totals = $state.raw(NO_TOTALS);
  /** What the counters are shown from; set by "reset". */
  zero: Totals = $state.raw(NO_TOTALS);
  /** Bytes and records a second, both ways together. */
  rate = $state.raw({ rx: 0, tx: 0, records: 0 });
  /** The terminal's line for what the page has just done. */
  asCommand = $state("");
  remarks: Remark[] = $state.raw([]);
  readonly live = new Live(
    (message) => this.#take(message),
    () => this.#isKnown(),
  );
  #remarked = 0;
  #sample: { at: number; totals: Totals } | undefined;

  start(): void {
    this.live.start();
    const beat = setInterval(() => this.#measure(), 1000);
    const greet = () => {
      if (document.visibilityState === "visible" && this.live.line === "open") this.#greet();
    };
    document.addEventListener("visibilitychange", greet);
    window.addEventListener("focus", greet);
    this.stop = () => {
      clearInterval(beat);
      document.removeEventListener("visibilitychange", greet);
      window.removeEventListener("focus", greet);
      this.live.stop();
    };
  }

  stop: () => void = () => {};

  peersOf(endpoint: string | undefined): Peer[] {
    return endpoint ? this.peers.filter((peer) => peer.endpoint === endpoint) : this.peers;
  }

  /** The encoding of what a peer of this run says, or its endpoint where nothing was said of the peer. */
  encodingOf(endpoint: string, peer?: string | null): string {
    return (peer && this.labels.get(peer)?.encoding) || this.labels.get(endpoint)?.encoding || "utf-8";
  }

  /** Does it; gives nothing where it failed, and then it has been said. */
  async tell(command: Command): Promise<Answer | undefined> {
    // Whoever goes on has read what went wrong before, and what he does now ends it or has an error of its own.
    const read = new Set(this.remarks.filter((remark) => remark.level === "error").map((remark) => remark.id));
    const isNew = (remark: Remark) => !read.has(remark.id);
    try {
      const reply = await api.command(command);
      this.asCommand = reply.as_command ?? "";
      this.remarks = this.remarks.filter(isNew);
      return reply;
    } catch (error) {
      this.remarks = this.remarks.filter(isNew);
      this.fail(error);
      return undefined;
    }
  }

  fail(error: unknown): void {
    if (isLockedOut(error)) this.live.line = "locked";
    else if (error instanceof ApiError) this.say("error", error.text);
    else if (!(error instanceof DOMException && error.name === "AbortError")) this.say("error", reason(error));
  }

  say(level: Remark["level"], text: string): void {
    const id = ++this.#remarked;
    const remark = { id, level, text, said: performance.now() };
    // What has been done ends what went wrong before.
    const stays = (other: Remark) => other.text !== text && !(level === "info" && other.level === "error");
    this.remarks = [...this.remarks.filter(stays), remark].slice(-MOST_REMARKS);
  }

  /** Lets go of what goes by itself, and has been there long enough to be read. */
  forget(): void {
    const isOver = ({ level, said }: Remark) => level === "info" && performance.now() - said > READING_TIME;
    if (this.remarks.some(isOver)) this.remarks = this.remarks.filter((remark) => !isOver(remark));
  }

  dismiss(id: number): void {
    this.remarks = this.remarks.filter((remark) => remark.id !== id);
  }

  resetCounters(): void {
    this.zero = this.totals;
  }

  async #isKnown(): Promise<boolean> {
    try {
      await api.hello();
      return true;
    } catch (error) {
      return !isLockedOut(error);
    }
  }

  #take(message: Message): void {
    if (message.type === "snapshot") this.#begin(message);
    else this.#change(message);
  }

  #begin({ state }: Snapshot): void {
    if (this.log?.run !== state.log.run) this.zero = NO_TOTALS;
    this.endpoints = state.endpoints;
    this.peers = state.peers;
    this.boards = state.boards;
    this.lan = state.lan ?? undefined;
    this.jobs = state.jobs;
    this.#label(state.labels);
    this.standing = state.standing;
    this.log = state.log;
    this.totals = state.totals;
    this.#greet();
  }

  /** Asks who the server is, and what addresses its computer has: these change with the networks that it is in. */
  #greet(): void {
    void api.hello().then(
      (hello) => (this.hello = hello),
      (error: unknown) => this.fail(error),
    );
  }

  #change(change: Change): void {
    if (change.endpoints || change.endpoints_gone) this.endpoints = merged(this.endpoints, change.endpoints, change.endpoints_gone);
    if (change.peers || change.peers_gone) this.peers = merged(this.peers, change.peers, change.peers_gone);
    if (change.boards || change.boards_gone) this.boards = merged(this.boards, change.boards, change.boards_gone);
    if (change.lan) this.lan = change.lan;
    if (change.jobs || change.jobs_gone) this.jobs = merged(this.jobs, change.jobs, change.jobs_gone);
    if (change.labels) this.#label(change.labels);
    if (change.log) this.log = change.log;
    if (change.totals) this.totals = change.totals;
    if (change.standing) this.standing = change.standing;
    for (const notice of change.notices ?? []) this.say(notice.level, look.lang === "zh" ? notice.zh : notice.en);
  }

  #label(labels: Label[]): void {
    this.labels = new Map(labels.map((label) => [label.of, label]));
  }

  #measure(): void {
    const now = { at: performance.now(), totals: this.totals };
    const before = this.#sample;
    this.#sample = now;
    if (!before) return;
    const seconds = (now.at - before.at) / 1000;
    const each = (pick: (totals: Totals) => number) => Math.max(0, Math.round((pick(now.totals) - pick(before.totals)) / seconds));
    this.rate = { rx: each((t) => t.received), tx: each((t) => t.sent), records: each((t) => t.received_records + t.sent_records) };
  }
}

/** The list with what has changed in its place, what is new at its end, and without what is gone. */
function merged<T extends { id: string }>(list: T[], changed: T[] = [], gone: string[] = []): T[] {
  const fresh = new Map(changed.map((item) => [item.id, item]));
  const left = new Set(gone);
  const kept = list.filter((item) => !left.has(item.id)).map((item) => {
    const now = fresh.get(item.id);
    fresh.delete(item.id);
    return now ?? item;
  });
  return [...kept, ...fresh.values()];
}

export const bench = new Bench();
