// What the assistant's view holds: which endpoint is looked at, which peers are written to, how the log is shown, and what
// is being written.

import { api, query, request } from "../api/http";
import type { Endpoint, FileSent, Job, Payload, Peer, PeerOutcome, Targets } from "../api/model";
import { size, t } from "../i18n";
import { bench } from "./bench.svelte";
import { length, readHex } from "./bytes";
import { LogWindow } from "./log.svelte";
import { oneOf, Stored } from "./stored.svelte";

export type Shown = "text" | "hex" | "both";
export type Stamp = "time" | "date" | "delta" | "none";
export type Format = "text" | "escaped" | "hex";
export type Ending = "none" | "lf" | "crlf" | "cr";

const MOST_HISTORY = 50;
/** Peers of whom it is said how much of a file they got. */
const MOST_PARTS = 5;
/** The longest time from one send to the next: a day (ms). */
const LONGEST_PAUSE = 86_400_000;
/** The most bytes of a UDP datagram over IPv4. */
const MOST_DATAGRAM = 65_507;
/** A history entry longer than this is not kept. */
const LONGEST_HISTORY = 4096;
const isHistory = (value: unknown) =>
  Array.isArray(value) && value.every((item: unknown) => typeof item === "object" && item !== null && "text" in item && typeof item.text === "string" && "format" in item);

/** Chosen, where whoever was written to is gone: no peer is called that. */
const NOBODY = "";

/** Why nothing was sent. */
export type Refusal = "line" | "closed" | "ended" | "nobody" | "gone" | "empty" | "odd" | "letter" | "long" | "busy" | "pause" | "history";

/** What was sent before, and how it was meant. */
export interface Written {
  text: string;
  format: Format;
}

/** What came of a send. */
export interface Sent {
  reached: number;
  missed: PeerOutcome[];
}

class Assistant {
  /** An endpoint's id, or nothing for all. */
  tab: string | undefined = $state();
  /** A new endpoint is being described. */
  opening = $state(false);
  /** Peers that are written to; none stands for all. */
  chosen: ReadonlySet<string> = $state.raw(new Set<string>());
  /** The log shows this peer alone. */
  only: string | undefined = $state();
  plotting = $state(false);
  /** The tab that takes the focus once it is there, "" for that of all: what had the focus goes. */
  landing: string | undefined = $state();
  readonly log = new LogWindow();
  readonly shown = new Stored<Shown>("log.shown", "text", oneOf("text", "hex", "both"));
  readonly stamp = new Stored<Stamp>("log.stamp", "time", oneOf("time", "date", "delta", "none"));
  readonly wrap = new Stored("log.wrap", true);
  readonly events = new Stored("log.events", true);

  readonly #seen = new Set<string>();
  #run = "";
  /** The run in which the tab was chosen, or its endpoint was last there. */
  #lookedIn = "";

  /** Who looks at nothing in particular is shown what has just been opened. */
  notice(): void {
    if (bench.log && bench.log.run !== this.#run) {
      this.#run = bench.log.run;
      this.#seen.clear(); // another run counts from e1 again
      this.only = undefined;
      if (this.chosen.size > 0) this.chosen = new Set([NOBODY]); // its peers of the same names are others
    }
    if (this.endpoint) this.#lookedIn = this.#run;
    const fresh = bench.endpoints.filter((endpoint) => endpoint.state !== "closed" && !this.#seen.has(endpoint.id));
    for (const endpoint of bench.endpoints) this.#seen.add(endpoint.id);
    const newest = fresh.at(-1);
    if (!newest || this.tab !== undefined || this.opening) return;
    const chosen = this.chosen;
    this.look(newest.id);
    this.chosen = chosen;
  }

  /** Where the endpoint looked at is there no longer, another is. What one writes goes to no other unasked: but where a
   *  server has begun anew and all of its peers were meant, so are the new ones. */
  settleTab(): void {
    if (this.tab === undefined || this.endpoint || bench.live.line !== "open") return;
    // The answer to "open" may come before the change that has the endpoint: that one is not gone.
    if (this.#lookedIn === this.#run && !this.#seen.has(this.tab)) return;
    const isRenewed = this.#lookedIn !== this.#run && this.chosen.size === 0;
    this.look(bench.endpoints[0]?.id);
    if (!isRenewed) this.chosen = new Set([NOBODY]);
  }

  /** Closes it, if it is open, and puts it away: it is listed no longer once its last peer is gone. */
  async putAway(id: string): Promise<void> {
    const place = bench.endpoints.findIndex((endpoint) => endpoint.id === id);
    const next = bench.endpoints[place + 1] ?? bench.endpoints[place - 1];
    const isOpen = bench.endpoints[place]?.state !== "closed";
    if (isOpen && !(await bench.tell({ do: "close", endpoint: id }))) return;
    // Before it goes, of which the page may hear before the answer.
    if (this.tab === id) this.look(next?.id);
    if (!(await bench.tell({ do: "dismiss", endpoint: id }))) return;
    bench.say("info", t().assistant.isAway(id));
    this.landing = this.tab ?? "";
  }

  /** Puts away all that have ended. */
  async putAwayEnded(): Promise<void> {
    if (this.endpoint?.state === "closed") this.look(bench.endpoints.find(({ state }) => state !== "closed")?.id);
    await Promise.all(this.ended.map((endpoint) => this.putAway(endpoint.id)));
  }

  readonly ended: Endpoint[] = $derived(bench.endpoints.filter((endpoint) => endpoint.state === "closed"));

  get endpoint(): Endpoint | undefined {
    return bench.endpoints.find((endpoint) => endpoint.id === this.tab);
  }

  readonly peers: Peer[] = $derived(bench.peersOf(this.tab));
  /** Those written to. */
  readonly targets: Peer[] = $derived(this.chosen.size === 0 ? this.peers : this.peers.filter((peer) => this.chosen.has(peer.id)));

  look(tab: string | undefined): void {
    if (tab !== this.tab) composer.last = undefined; // it was said of another's peers
    this.tab = tab;
    this.#lookedIn = bench.log?.run ?? this.#run;
    this.opening = false;
    this.chosen = new Set();
    this.only = undefined;
  }

  /** Whoever has gone is no longer among the chosen. The last of them is: with nobody chosen all would be meant. */
  settle(): void {
    if (this.chosen.has(NOBODY)) return;
    const left = new Set(this.chosen).intersection(new Set(bench.peers.map((peer) => peer.id)));
    if (left.size === 0 || left.size === this.chosen.size) return;
    bench.say("warn", t().assistant.chosenGone([...this.chosen].filter((id) => !left.has(id)).join(", ")));
    this.chosen = left;
  }

  choose(peer: string, on: boolean): void {
    // Who chooses again means no longer those who are gone.
    const chosen = new Set(this.targets.length > 0 ? this.chosen : []);
    if (on) chosen.add(peer);
    else chosen.delete(peer);
    this.chosen = chosen;
  }

  /** As the server's commands say it. */
  get to(): Targets {
    if (this.chosen.size > 0) return { peers: this.targets.map((peer) => peer.id) };
    return this.tab ? { endpoint: this.tab } : "all";
  }
}

export const assistant = new Assistant();

/** A file that this page sends. */
interface Upload {
  name: string;
  size: number;
  abort: AbortController;
}

class Composer {
  #text = $state("");
  readonly format = new Stored<Format>("send.format", "text", oneOf("text", "escaped", "hex"));
  readonly ending = new Stored<Ending>("send.ending", "none", oneOf("none", "lf", "crlf", "cr"));
  readonly every = new Stored("send.every", 1000);
  readonly history = new Stored<Written[]>("send.history", [], isHistory);
  busy = $state(false);
  last: Sent | undefined = $state.raw();
  /** Something was to be sent, and why it was not. */
  refusal: Refusal | undefined = $state();
  /** Why nothing can be sent now. */
  readonly hindrance: Refusal | undefined = $derived.by(() => {
    if (bench.live.line !== "open") return "line";
    if (bench.endpoints.every((endpoint) => endpoint.state === "closed")) return "closed";
    if (assistant.endpoint?.state === "closed") return "ended";
    if (assistant.targets.length === 0) return assistant.chosen.size > 0 ? "gone" : "nobody";
    return undefined;
  });
  /** Why what was typed cannot be sent now. */
  readonly fault: Refusal | undefined = $derived.by(() => {
    const isHex = this.format.value === "hex";
    const wrong = isHex ? readHex(this.text).fault : "";
    if (wrong) return wrong;
    const isNothing = this.text.trim() === "" && (isHex || (this.text === "" && this.ending.value === "none"));
    // Escapes are shorter than they are written: what they come to, the server finds.
    const isLong = this.format.value !== "escaped" && length(this.text, isHex) > MOST_DATAGRAM;
    const isWhole = (peer: Peer) => bench.endpoints.some(({ id, url }) => id === peer.endpoint && url.startsWith("udp:"));
    if (isLong && assistant.targets.some(isWhole)) return "long";
    return this.hindrance ?? (isNothing ? "empty" : undefined);
  });
  readonly #uploads = new Set<Upload>();
  #back = -1;
  #draft: Written = { text: "", format: "text" };

  get text(): string {
    return this.#text;
  }

  /** What is said of the text before ends with it. */
  set text(text: string) {
    if (text !== this.#text) this.refusal = this.last = undefined;
    this.#text = text;
  }

  /** What to send to whom. Peers that speak different encodings get bytes of their own. */
  #parts(): { to: Targets; data: Payload; line_ending: Ending }[] {
    if (this.format.value === "hex") return [{ to: assistant.to, data: { hex: this.text }, line_ending: "none" }];
    const groups = Map.groupBy(assistant.targets, (peer) => peer.encoding);
    const words = (encoding: string): Payload =>
      this.format.value === "escaped" ? { escaped: this.text, encoding } : { text: this.text, encoding };
    const ending = this.ending.value;
    if (groups.size <= 1) {
      const [encoding = "utf-8"] = groups.keys();
      return [{ to: assistant.to, data: words(encoding), line_ending: ending }];
    }
    return [...groups].map(([encoding, peers]) => ({ to: { peers: peers.map((peer) => peer.id) }, data: words(encoding), line_ending: ending }));
  }

  /** Whether nothing stands against it; otherwise it is said what does. */
  #may(hindrance: Refusal | undefined): boolean {
    this.refusal = hindrance;
    this.last = undefined;
    return hindrance === undefined;
  }

  async send(): Promise<void> {
    if (!this.#may(this.busy ? "busy" : this.fault)) return;
    this.busy = true;
    const parts = this.#parts();
    this.#remember(); // before the reader types on, and also what could not be sent
    const replies = await Promise.all(parts.map((part) => bench.tell({ do: "send", ...part })));
    this.busy = false;
    const outcomes = replies.flatMap((reply) => (reply?.reply === "outcomes" ? reply.outcomes : []));
    if (replies.every((reply) => reply === undefined)) return;
    this.last = { reached: outcomes.filter((each) => each.outcome === "queued").length, missed: outcomes.filter((each) => each.outcome !== "queued") };
  }

  async repeat(): Promise<void> {
    const isPause = Number.isInteger(this.every.value) && this.every.value >= 1 && this.every.value <= LONGEST_PAUSE;
    if (!this.#may(this.fault ?? (isPause ? undefined : "pause"))) return;
    const parts = this.#parts();
    this.#remember();
    await Promise.all(parts.map((part) => bench.tell({ do: "repeat", ...part, every_ms: this.every.value })));
  }

  /** The one sent before, or after, as in a shell. */
  recall(step: 1 | -1): void {
    const list = this.history.value;
    const next = this.#back + step;
    if (list.length === 0) this.refusal = "history";
    if (next < -1 || next >= list.length) return;
    if (this.#back === -1) this.#draft = { text: this.text, format: this.format.value };
    this.#back = next;
    this.write(list[next] ?? this.#draft);
  }

  /** Puts what was sent before into the box, as it was meant. */
  write({ text, format }: Written): void {
    this.format.value = format;
    this.text = text;
  }

  #remember(): void {
    this.#back = -1;
    if (this.text === "" || this.text.length > LONGEST_HISTORY) return;
    const now = { text: this.text, format: this.format.value };
    const others = this.history.value.filter(({ text, format }) => text !== now.text || format !== now.format);
    this.history.value = [now, ...others].slice(0, MOST_HISTORY);
  }

  /** Whether a file can be sent now; otherwise it is said why not. */
  mayChooseFile(): boolean {
    return this.#may(this.hindrance);
  }

  /** Streams a file to the peers; the server reports how far it is as a job. */
  async sendFile(file: File): Promise<void> {
    if (!this.#may(this.hindrance)) return;
    const path = `/api/send-file${query({ to: targetText(assistant.to), name: file.name })}`;
    const upload: Upload = { name: file.name, size: file.size, abort: new AbortController() };
    this.#uploads.add(upload);
    try {
      const response = await request(path, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file, signal: upload.abort.signal });
      this.#tellSent(file, (await response.json()) as FileSent);
    } catch (error) {
      bench.fail(error);
    } finally {
      this.#uploads.delete(upload);
    }
  }

  /** Says who has all of a file, and who how much of it. */
  #tellSent(file: File, sent: FileSent): void {
    const words = t().composer;
    bench.asCommand = sent.as_command ?? "";
    const parts = sent.peers.filter((peer) => !peer.complete).map((peer) => words.filePeer(peer.peer, size(peer.bytes), size(file.size)));
    if (!sent.complete) bench.say("warn", words.filePart(file.name, sent.peers.length - parts.length, parts.slice(0, MOST_PARTS).join(", ")));
    else bench.say("info", file.size === 0 ? words.fileEmpty(file.name) : words.fileSent(file.name, sent.peers.length));
  }

  /** Stops a job. The request of a file is given up first: a browser whose request is cut off from the other side may
   *  make it again. Then the server is told, which does not notice while it waits for a peer that does not read. */
  stop(job: Job): void {
    const { what, total } = job;
    const upload = what.kind === "file" ? [...this.#uploads].find((each) => each.name === what.name && each.size === total) : undefined;
    upload?.abort.abort();
    // It may have ended by that.
    if (upload) void api.command({ do: "stop", job: job.id }).catch(() => {});
    else void bench.tell({ do: "stop", job: job.id });
  }
}

/** Targets in a query: `all`, `e1`, `e1.1,e1.3`. */
export function targetText(to: Targets): string {
  if (to === "all") return "all";
  return "endpoint" in to ? to.endpoint : to.peers.join(",");
}

export const composer = new Composer();
