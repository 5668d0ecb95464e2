// What the reader has chosen, kept in this browser. A value that cannot be kept, or that an older page left in another
// shape, is the default again.

const PREFIX = "socklab.";

/** A value that outlives the page. */
export class Stored<T> {
  #value: T = $state() as T;

  constructor(
    readonly key: string,
    otherwise: T,
    isValid: (value: unknown) => boolean = (value) => typeof value === typeof otherwise,
  ) {
    this.#value = read(key, otherwise, isValid);
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    this.#value = value;
    try {
      localStorage.setItem(PREFIX + this.key, JSON.stringify(value));
    } catch {
      // Storage is full or forbidden: it holds for this visit.
    }
  }

  /** The next page has the default again. */
  forget(): void {
    localStorage.removeItem(PREFIX + this.key);
  }
}

function read<T>(key: string, otherwise: T, isValid: (value: unknown) => boolean): T {
  try {
    const text = localStorage.getItem(PREFIX + key);
    const value: unknown = text === null ? undefined : JSON.parse(text);
    return value !== undefined && isValid(value) ? (value as T) : otherwise;
  } catch {
    return otherwise;
  }
}

/** One of these words. */
export function oneOf<T extends string>(...words: T[]): (value: unknown) => boolean {
  return (value) => words.includes(value as T);
}
