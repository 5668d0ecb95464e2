// What the boards' view holds: which board is looked at, and the program in its editor, which this browser keeps until it
// is replaced.

import { api } from "../api/http";
import type { Board, Example, Lan, NewBoard, Place, Profile, Warning } from "../api/model";
import { bench } from "./bench.svelte";
import { look } from "./look.svelte";
import { reason } from "./reason";
import { Stored } from "./stored.svelte";

const LOOK_AFTER = 400;
const BLANK = "# main.py\n";

/** A program in an editor. */
interface Draft {
  name: string;
  source: string;
  /** The reader has written in it what stands nowhere else. */
  isOwn: boolean;
}

const isDraft = (value: unknown) =>
  typeof value === "object" && value !== null && "name" in value && typeof value.name === "string" && "source" in value && typeof value.source === "string" && "isOwn" in value;

/** A program that is to stand in the editor instead. */
interface Instead {
  name: string;
  source: string;
  run: boolean;
}

/** The program that is being written for a board. */
export class Desk {
  warnings: Warning[] = $state.raw([]);
  lookFailure = $state("");
  /** Waits for the reader's word: what he has written would be lost by it. */
  instead: Instead | undefined = $state.raw();
  readonly #draft: Stored<Draft>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();

  constructor(
    readonly board: string,
    readonly profile: string,
    name: string,
  ) {
    this.#draft = new Stored<Draft>(`desk.${name}`, { name: "main.py", source: BLANK, isOwn: false }, isDraft);
  }

  get source(): string {
    return this.#draft.value.source;
  }

  get name(): string {
    return this.#draft.value.name;
  }

  set name(name: string) {
    this.#draft.value = { ...this.#draft.value, name };
  }

  /** Whether something would be lost with it. */
  get isOwn(): boolean {
    return this.#draft.value.isOwn && this.source.trim() !== "";
  }

  write(source: string): void {
    if (source === this.source) return;
    this.#draft.value = { ...this.#draft.value, source, isOwn: true };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), LOOK_AFTER);
  }

  /** Puts another program into the editor, and has it run; where something would be lost, the reader is asked first. */
  async load(name: string, source: string, run = false): Promise<void> {
    this.instead = { name, source, run };
    if (!this.isOwn) await this.replace();
  }

  /** The reader agrees. */
  async replace(): Promise<void> {
    const { instead } = this;
    if (!instead) return;
    this.instead = undefined;
    this.#draft.value = { name: instead.name, source: instead.source, isOwn: false };
    await (instead.run ? this.run() : this.look());
  }

  /** What stands in the editor stands in the flash too. */
  isSaved(source: string): void {
    if (source === this.source) this.#draft.value = { ...this.#draft.value, isOwn: false };
  }

  /** The board is gone, and its program with it. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#draft.forget();
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

  desk(board: Pick<Board, "id" | "profile" | "name">): Desk {
    const key = `${board.id} ${board.name}`; // another run counts from b1 again
    let desk = this.#desks.get(key);
    if (!desk) this.#desks.set(key, (desk = new Desk(board.id, board.profile, board.name)));
    return desk;
  }

  /** Switches a board off, and forgets its program. */
  async remove(board: Board): Promise<void> {
    if (!(await bench.tell({ do: "board_remove", board: board.id }))) return;
    this.desk(board).forget();
    this.#desks.delete(`${board.id} ${board.name}`);
    look.go("boards");
  }

  /** Puts a board on the network, and has it run the program at once. */
  async create(wanted: NewBoard, example: Example | undefined): Promise<void> {
    const reply = await bench.tell({ do: "board_new", ...wanted });
    if (reply?.reply !== "board") return;
    const desk = this.desk({ id: reply.board, profile: wanted.profile, name: reply.name });
    look.go("boards", reply.board);
    if (example) await desk.load(`${example.id}.py`, example.source, true);
  }
}

export const boards = new Boards();
