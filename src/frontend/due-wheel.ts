/**
 * What waits for a time, sorted roughly: a wheel of slots, each a chain of the things that are due in it. To set, to
 * move and to clear cost the same however many wait, a look at the wheel costs only what has come due, and what is
 * cleared is held by nothing any more. (The idea: Varghese and Lauck, Hashed and Hierarchical Timing Wheels, 1987.)
 */

const slotMs = 10;
/** A power of two. What is due later than one turn of the wheel is looked at, and left, once a turn. */
const slots = 512;

/** Carried by each thing itself, and written by the wheel alone. A new one has `notDue`. */
export interface Due<T> {
  dueMs: number;
  /** -1: not in the wheel. */
  dueSlot: number;
  dueBefore: T | undefined;
  dueAfter: T | undefined;
}

export const notDue = { dueMs: 0, dueSlot: -1, dueBefore: undefined, dueAfter: undefined } as const;

export class DueWheel<T extends Due<T>> {
  readonly #first = new Array<T | undefined>(slots).fill(undefined);
  /** The latest slot, counted from time 0, that `take` has looked at: it may still hold things that are due in it. */
  #now = 0;

  /** It is due at `dueMs`, and at no other time that was set before. */
  set(thing: T, dueMs: number): void {
    this.clear(thing);
    const slot = Math.max(this.#now, Math.floor(dueMs / slotMs)) & (slots - 1);
    const after = this.#first[slot];
    thing.dueMs = dueMs;
    thing.dueSlot = slot;
    thing.dueAfter = after;
    if (after !== undefined) after.dueBefore = thing;
    this.#first[slot] = thing;
  }

  clear(thing: T): void {
    const { dueSlot, dueBefore, dueAfter } = thing;
    if (dueSlot === -1) return;
    if (dueBefore === undefined) this.#first[dueSlot] = dueAfter;
    else dueBefore.dueAfter = dueAfter;
    if (dueAfter !== undefined) dueAfter.dueBefore = dueBefore;
    thing.dueSlot = -1;
    thing.dueBefore = undefined;
    thing.dueAfter = undefined;
  }

  /** Everything that is due, cleared. `nowMs` never goes back. */
  take(nowMs: number): T[] {
    const last = Math.floor(nowMs / slotMs);
    const taken: T[] = [];
    for (let slot = Math.max(this.#now, last - slots + 1); slot <= last; slot++) {
      let thing = this.#first[slot & (slots - 1)];
      while (thing !== undefined) {
        const { dueAfter }: T = thing;
        if (thing.dueMs <= nowMs) {
          this.clear(thing);
          taken.push(thing);
        }
        thing = dueAfter;
      }
    }
    this.#now = Math.max(this.#now, last);
    return taken;
  }
}
