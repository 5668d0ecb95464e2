// A search through a whole run, and where one is in its hits.

import { search, type Hit } from "../api/http";

/** How what was typed is meant. */
export type Meant = "text" | "hex" | "regex";

/** No more hits than this are kept; the count says that there are more. */
const MOST_HITS = 20_000;

export class Finding {
  wanted = $state("");
  meant: Meant = $state("text");
  hits: Hit[] = $state.raw([]);
  running = $state(false);
  /** The list holds as many as it can. */
  full = $state(false);
  done = $state(false);
  failure: unknown = $state.raw();
  /** The hit that is looked at. */
  at = $state(-1);
  #abort = new AbortController();

  get current(): Hit | undefined {
    return this.hits[this.at];
  }

  /** Searches anew; with nothing wanted, forgets. */
  async start(run: string, peer: string | undefined): Promise<void> {
    this.stop();
    this.hits = [];
    this.at = -1;
    this.full = false;
    this.done = false;
    this.failure = undefined;
    if (this.wanted === "") return;
    const abort = (this.#abort = new AbortController());
    this.running = true;
    let fresh: Hit[] = [];
    let told = performance.now();
    const tell = () => {
      this.hits = [...this.hits, ...fresh];
      fresh = [];
      told = performance.now();
    };
    try {
      for await (const hit of search(run, { [this.meant]: this.wanted, peer }, abort.signal)) {
        if (!("seq" in hit)) break;
        fresh.push(hit);
        if (this.hits.length + fresh.length >= MOST_HITS) {
          this.full = true;
          break;
        }
        if (performance.now() - told > 100) tell();
      }
      tell();
      this.done = true;
    } catch (error) {
      if (!abort.signal.aborted) this.failure = error;
    } finally {
      if (abort === this.#abort) this.running = false;
      if (this.full) abort.abort();
    }
  }

  stop(): void {
    this.#abort.abort();
    this.running = false;
  }

  /** To the next hit, or the one before; round at the ends. */
  step(by: 1 | -1): Hit | undefined {
    if (this.hits.length === 0) return undefined;
    this.at = this.at < 0 ? (by > 0 ? 0 : this.hits.length - 1) : (this.at + by + this.hits.length) % this.hits.length;
    return this.current;
  }
}
