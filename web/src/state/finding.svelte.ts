// A search through a whole run, and where one is in its hits.

import { search, type Wanted } from "../api/http";
import type { Hit } from "../api/model";

/** How what was typed is meant. */
export type Meant = "text" | "hex" | "regex";

export class Finding {
  wanted = $state("");
  meant: Meant = $state("text");
  hits: Hit[] = $state.raw([]);
  running = $state(false);
  /** How many there are, of which the list may hold only the first; known at the end. */
  total: number | undefined = $state();
  failure: unknown = $state.raw();
  /** The hit that is looked at. */
  at = $state(-1);
  #abort = new AbortController();

  get current(): Hit | undefined {
    return this.hits[this.at];
  }

  /** Searches anew where the log looks; with nothing wanted, forgets. */
  async start(run: string, where: Pick<Wanted, "peer" | "endpoint" | "encoding">): Promise<void> {
    this.stop();
    this.hits = [];
    this.at = -1;
    this.total = undefined;
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
      for await (const found of search(run, { [this.meant]: this.wanted, ...where }, abort.signal)) {
        if (found.type === "hit") fresh.push(found);
        else if (found.type === "summary") this.total = found.hits;
        else this.failure = new Error(found.text);
        if (performance.now() - told > 100) tell();
      }
      tell();
    } catch (error) {
      if (!abort.signal.aborted) this.failure = error;
    } finally {
      if (abort === this.#abort) this.running = false;
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
