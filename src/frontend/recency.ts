/** Things in the order of their last use, as a chain through the things themselves: to touch one costs a few writes. */

/** Carried by each thing and written by the chain alone. A new one has `unused`. */
export interface Recent<T> {
  newer: T | undefined;
  older: T | undefined;
}

export const unused = { newer: undefined, older: undefined } as const;

export class Recency<T extends Recent<T>> {
  #newest: T | undefined;
  #oldest: T | undefined;

  /** The one whose last use is longest ago. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** `thing` is in the chain, or is new to it. */
  touch(thing: T): void {
    if (thing === this.#newest) return;
    this.remove(thing);
    thing.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = thing;
    this.#newest = thing;
    this.#oldest ??= thing;
  }

  remove(thing: T): void {
    const { newer, older } = thing;
    if (newer !== undefined) newer.older = older;
    else if (this.#newest === thing) this.#newest = older;
    if (older !== undefined) older.newer = newer;
    else if (this.#oldest === thing) this.#oldest = newer;
    thing.newer = undefined;
    thing.older = undefined;
  }

  clear(): void {
    this.#newest = undefined;
    this.#oldest = undefined;
  }
}
