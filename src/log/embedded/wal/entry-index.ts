/**
 * Where entries are on the disk, and which of them count.
 *
 * The log is never rewritten: an entry that replaces others is simply later in it. The index is sparse: a point every
 * 256 KiB or so, and one wherever the order of indexes breaks (at a truncation, in a new segment). The entries from
 * one point's index up to the next's are found by reading forward from the first of the two.
 * Every segment with entries has a point of its own, so whole segments can be forgotten.
 */
import { type LogIndex, logIndex } from "../../../base/units.ts";
import type { Place } from "./scan.ts";

const pointEveryBytes = 256 * 1024;

export interface IndexPoint {
  readonly first: LogIndex;
  readonly segment: number;
  readonly place: Place;
}

export class EntryIndex {
  #firstIndex: LogIndex;
  #points: IndexPoint[] = [];
  #lastAdded: number;
  #readable: number;
  #truncations = 0;

  constructor(firstIndex: LogIndex) {
    this.#firstIndex = firstIndex;
    this.#lastAdded = firstIndex - 1;
    this.#readable = firstIndex - 1;
  }

  get firstIndex(): LogIndex {
    return this.#firstIndex;
  }

  /** The last entry of the group that was added last. */
  get lastAdded(): LogIndex {
    return logIndex(this.#lastAdded);
  }

  /** Entries up to it are on the disk and not about to be replaced. */
  get readable(): LogIndex {
    return logIndex(this.#readable);
  }

  /** Changes whenever entries that could be read no longer count. */
  get truncations(): number {
    return this.#truncations;
  }

  /** Entries from `from` on no longer count, although what replaces them is not yet added. */
  truncate(from: LogIndex): void {
    if (from > this.#readable) return;
    this.#readable = from - 1;
    this.#truncations++;
  }

  /** The entries [first, last] are on the disk, in a group at `place`; all from `first` on are replaced by them. */
  add(first: LogIndex, last: LogIndex, segment: number, place: Place): void {
    if (first <= this.#lastAdded) {
      this.truncate(first);
      while ((this.#points.at(-1)?.first ?? 0) >= first) this.#points.pop();
    }
    const before = this.#points.at(-1);
    const near =
      before !== undefined &&
      before.segment === segment &&
      first === this.#lastAdded + 1 &&
      place.offset - before.place.offset < pointEveryBytes;
    if (!near) this.#points.push({ first, segment, place });
    this.#lastAdded = last;
    this.#readable = last;
  }

  /** Entries before `first` are gone, and with them the segments before `segment`, which hold no other that counts. */
  forget(first: LogIndex, segment: number): void {
    this.#firstIndex = first;
    this.#points = this.#points.filter((point) => point.segment >= segment);
    this.#readable = Math.max(this.#readable, first - 1);
  }

  /** All entries are gone; the next one is `first`. */
  clear(first: LogIndex): void {
    this.#firstIndex = first;
    this.#points = [];
    this.#lastAdded = first - 1;
    this.#readable = first - 1;
    this.#truncations++;
  }

  get points(): number {
    return this.#points.length;
  }

  /** The point at or before `index`, and the last index that is found from it. */
  find(
    index: LogIndex,
  ): { readonly point: IndexPoint; readonly last: LogIndex; readonly number: number } | undefined {
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle]?.first ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    return this.at(low - 1);
  }

  at(
    number: number,
  ): { readonly point: IndexPoint; readonly last: LogIndex; readonly number: number } | undefined {
    const point = this.#points[number];
    if (point === undefined) return undefined;
    const next = this.#points[number + 1];
    const last = Math.min(this.#readable, next === undefined ? this.#readable : next.first - 1);
    return { point, last: logIndex(last), number };
  }
}
