/**
 * What waits under a ticket. Tickets are handed out in order and mostly come back in order, so a ring holds them, a
 * slot being the ticket modulo the capacity; the few that find their slot taken go into a map.
 *
 * A `Map` would do the same and more, but one that is filled and emptied for ever rebuilds its table again and
 * again, and the dead tables, once old, keep every request they ever held alive until the next full collection:
 * measured here, a quarter of a front-end's time went into that.
 */
import { assert } from "../base/assert.ts";

const slotsMin = 1_024;
const slotsMax = 65_536;

export class TicketTable<T> {
  #slots: (T | undefined)[] = new Array<T | undefined>(slotsMin).fill(undefined);
  /** The ticket that each slot holds. */
  #tickets: number[] = new Array<number>(slotsMin).fill(-1);
  readonly #others = new Map<number, T>();
  /** Every ticket below it is free. */
  #head = 1;
  #next = 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The ticket that the next `add` gives. */
  get next(): number {
    return this.#next;
  }

  /** `ticket` is `next`. */
  add(ticket: number, value: T): void {
    assert(ticket === this.#next, "tickets are handed out in order");
    this.#next++;
    this.#size++;
    if (this.#size * 2 > this.#slots.length && this.#slots.length < slotsMax) this.#grow();
    this.#put(ticket, value);
  }

  #put(ticket: number, value: T): void {
    const slot = ticket & (this.#slots.length - 1);
    if (this.#slots[slot] !== undefined) {
      this.#others.set(ticket, value);
      return;
    }
    this.#slots[slot] = value;
    this.#tickets[slot] = ticket;
  }

  #grow(): void {
    const held = [...this.entries()];
    this.#slots = new Array<T | undefined>(this.#slots.length * 2).fill(undefined);
    this.#tickets = new Array<number>(this.#slots.length).fill(-1);
    this.#others.clear();
    for (const [ticket, value] of held) this.#put(ticket, value);
  }

  get(ticket: number): T | undefined {
    const slot = ticket & (this.#slots.length - 1);
    if (this.#tickets[slot] === ticket) return this.#slots[slot];
    return this.#others.size === 0 ? undefined : this.#others.get(ticket);
  }

  delete(ticket: number): void {
    const slot = ticket & (this.#slots.length - 1);
    if (this.#tickets[slot] === ticket) {
      this.#slots[slot] = undefined;
      this.#tickets[slot] = -1;
    } else if (!this.#others.delete(ticket)) return;
    this.#size--;
    if (this.#size === 0) this.#head = this.#next;
    else while (this.get(this.#head) === undefined) this.#head++;
  }

  /** Oldest first. Values may be deleted, and none added, on the way. */
  *values(): IterableIterator<T> {
    for (const [, value] of this.entries()) yield value;
  }

  *entries(): IterableIterator<[number, T]> {
    for (let ticket = this.#head; ticket < this.#next; ticket++) {
      const value = this.get(ticket);
      if (value !== undefined) yield [ticket, value];
    }
  }
}
