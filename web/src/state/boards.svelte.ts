// What the boards' view holds: which board is looked at, and the program in its editor, which is the page's until it is run.

import { api, reason } from "../api/http";
import type { Board, Example, Lan, NewBoard, Place, Profile, Warning } from "../api/model";
import { bench } from "./bench.svelte";
import { look } from "./look.svelte";

const LOOK_AFTER = 400;
const BLANK = "# main.py\n";

/** The program that is being written for a board. */
export class Desk {
  name = $state("main.py");
  source = $state(BLANK);
  warnings: Warning[] = $state.raw([]);
  lookFailure = $state("");
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(
    readonly board: string,
    readonly profile: string,
  ) {}

  write(source: string): void {
    if (source === this.source) return;
    this.source = source;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), LOOK_AFTER);
  }

  load(name: string, source: string): void {
    this.name = name;
    this.source = source;
    void this.look();
  }

  /** Has the program read without running it. */
  async look(): Promise<void> {
    this.#abort.abort();
    const { signal } = (this.#abort = new AbortController());
    try {
      const { warnings } = await api.look(this.profile, this.source, signal);
      this.warnings = warnings;
      this.lookFailure = "";
    } catch (error) {
      if (!signal.aborted) this.lookFailure = reason(error);
    }
  }

  async run(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all([this.look(), bench.tell({ do: "board_run", board: this.board, source: this.source, name: this.name })]);
  }
}

/** Where the lamp of a kind of board is, as its lessons have it. */
const LAMPS: Record<string, number> = { esp32: 2, mpython: 2, waffle: 2, k230: 52 };

/** The pin of a board's lamp, if it has one. */
export function lampOf(profile: Profile | undefined): number | undefined {
  return profile && (profile.pin_names["LED"] ?? LAMPS[profile.name]);
}

/** Whether a board's lamp is lit; a wave lights it too. */
export function isLit(board: Board): boolean {
  const lamp = lampOf(bench.hello?.profiles.find((profile) => profile.name === board.profile));
  return lamp !== undefined && (board.pins[lamp] === 1 || (board.pwm[lamp]?.duty ?? 0) > 0);
}

/** A board's place on the network, and the address that others dial. */
export function placeOf(lan: Lan | undefined, board: Board): Place | undefined {
  return lan?.boards.find((place) => place.name === board.name);
}

/** Its IPv4 address, else any. */
export function addressOf(place: Place | undefined): string | undefined {
  return place?.addresses.find((address) => !address.includes(":")) ?? place?.addresses[0];
}

class Boards {
  readonly #desks = new Map<string, Desk>();

  get current(): Board | undefined {
    return bench.boards.find((board) => board.id === look.item) ?? (look.item === "new" ? undefined : bench.boards.at(-1));
  }

  desk(board: Board): Desk {
    let desk = this.#desks.get(board.id);
    if (!desk) this.#desks.set(board.id, (desk = new Desk(board.id, board.profile)));
    return desk;
  }

  /** Puts a board on the network, and has it run the program at once. */
  async create(wanted: NewBoard, example: Example | undefined): Promise<void> {
    const reply = await bench.tell({ do: "board_new", ...wanted });
    if (reply?.reply !== "board") return;
    const desk = new Desk(reply.board, wanted.profile);
    this.#desks.set(reply.board, desk);
    look.go("boards", reply.board);
    if (!example) return;
    desk.load(`${example.id}.py`, example.source);
    await desk.run();
  }
}

export const boards = new Boards();
