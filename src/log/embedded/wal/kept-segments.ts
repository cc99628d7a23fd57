/** What is known of the segments in use, and which of them may go. */
import { type LogIndex, logIndex } from "../../../base/units.ts";
import { segmentHeaderBytes } from "./record.ts";

export interface KeptSegment {
  readonly number: number;
  /** Groups that are durable in it, and their bytes. */
  groups: number;
  bytes: number;
  /** Of the entries in it that count or once counted: the index of the one written first, and the lowest. */
  first: number | undefined;
  lowest: number;
}

/** A place in the log: everything before it counts as behind. */
export interface Mark {
  readonly segment: number;
  readonly offset: number;
}

/**
 * The newest segment that a log can begin with; `undefined` if it must begin where it does. `index` is then the last
 * entry that is gone: at most `through`, and the entries behind it are all in the segments that stay.
 *
 * Why whole segments can go although an old one may hold entries that later ones replace: let m be the lowest index
 * of any entry in the segments that stay, replaced or not. When that entry was written it replaced whatever stood at m
 * and above, so no entry of the segments that go counts at m or above; and none of those that stay is below m. So
 * what counts up to m − 1 goes, what counts from m on stays, and nothing else has to be looked at. What is at most
 * `through` is committed: it is never replaced, so that stays true. And a segment can be the first only if the entry
 * that was written first from there on is the one at m: then every group, read in order, continues what is before it,
 * as in a log that is whole.
 *
 * Two groups at least stay, because a cut takes the last one, and the term and the vote must survive that: the last
 * two always hold them (group-queue.ts). And at least `keptBytes` of groups stay before `mark`, for followers that
 * come back.
 */
export function chooseFirst(
  segments: readonly KeptSegment[],
  lastIndex: LogIndex,
  through: LogIndex,
  mark: Mark,
  keptBytes: number,
): { readonly segment: number; readonly index: LogIndex } | undefined {
  let lowest = lastIndex + 1;
  let first = lowest;
  let groups = 0;
  let behind = 0;
  for (let i = segments.length - 1; i > 0; i--) {
    const segment = segments[i] as KeptSegment;
    lowest = Math.min(lowest, segment.lowest);
    first = segment.first ?? first;
    groups += segment.groups;
    if (segment.number < mark.segment) behind += segment.bytes;
    else if (segment.number === mark.segment) behind += mark.offset - segmentHeaderBytes;
    if (first === lowest && lowest - 1 <= through && groups >= 2 && behind >= keptBytes) {
      return { segment: segment.number, index: logIndex(lowest - 1) };
    }
  }
  return undefined;
}

/** The segments that hold durable groups, in order. */
export class KeptSegments {
  #list: KeptSegment[] = [];
  #bytes = 0;

  get list(): readonly KeptSegment[] {
    return this.#list;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A group is durable; `first` is its first entry's index, if it has entries that count. */
  add(number: number, bytes: number, first: LogIndex | undefined): void {
    let segment = this.#list.at(-1);
    if (segment?.number !== number) {
      segment = { number, groups: 0, bytes: 0, first: undefined, lowest: Number.POSITIVE_INFINITY };
      this.#list.push(segment);
    }
    segment.groups++;
    segment.bytes += bytes;
    if (first !== undefined) {
      segment.first ??= first;
      segment.lowest = Math.min(segment.lowest, first);
    }
    this.#bytes += bytes;
  }

  forgetBefore(number: number): void {
    this.#list = this.#list.filter((segment) => segment.number >= number);
    this.#bytes = this.#list.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** No entry counts any more. */
  forgetEntries(): void {
    for (const segment of this.#list) {
      segment.first = undefined;
      segment.lowest = Number.POSITIVE_INFINITY;
    }
  }

  /** The newest segment that holds the last two groups, or the first. */
  get ofLastTwoGroups(): number | undefined {
    let groups = 0;
    for (let i = this.#list.length - 1; i >= 0; i--) {
      groups += this.#list[i]?.groups ?? 0;
      if (groups >= 2) return this.#list[i]?.number;
    }
    return this.#list[0]?.number;
  }
}
