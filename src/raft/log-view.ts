/**
 * The log as the core sees it: the term of every entry, who the members are, and the newest entries themselves.
 *
 * Terms are kept as runs, because a term covers very many entries; so any index can be checked without the disk,
 * and memory does not grow with the log. Payloads older than the tail are on disk, and whoever needs them fetches
 * them (effect `fetch`).
 */
import { assert, present } from "../base/assert.ts";
import { logLimits } from "../base/limits.ts";
import { type LogIndex, logIndex, type Term, term } from "../base/units.ts";
import { decodeMembership, type Membership } from "./membership.ts";
import { MembershipHistory, type MembershipRun } from "./membership-history.ts";
import type { Entry } from "./message.ts";

/** What a log begins behind: its entries up to here are gone, because a state includes them. */
export interface LogBase {
  readonly index: LogIndex;
  /** Of the entry at `index`. */
  readonly term: Term;
}

export interface TermRun {
  /** The first index of the run. */
  readonly from: LogIndex;
  readonly term: Term;
}

const noTerm = term(0);
/** Of a log that holds everything. */
export const wholeLog: LogBase = { index: logIndex(0), term: noTerm };
/** Takes the place of an entry that was dropped, so that its payload is not kept alive. */
const dropped: Entry = { index: logIndex(0), term: noTerm, kind: "command", payload: new Uint8Array(0) };

function heldBytes(entry: Entry): number {
  return entry.payload.length + logLimits.entryOverheadBytes;
}

export class LogView {
  #base: LogBase;
  #runs: TermRun[];
  readonly #memberships: MembershipHistory;
  readonly #tailBytes: number;
  /** The newest entries: `#tail[#head]` is the first one kept. */
  #tail: Entry[];
  #head = 0;
  #bytes = 0;
  #last: LogIndex;

  constructor(
    base: LogBase,
    runs: readonly TermRun[],
    memberships: readonly MembershipRun[],
    lastIndex: LogIndex,
    tail: readonly Entry[],
    tailBytes: number,
  ) {
    assert(lastIndex >= base.index, "a log ends no earlier than it begins");
    this.#base = base;
    this.#runs = [...runs];
    this.#memberships = new MembershipHistory(memberships);
    this.#last = lastIndex;
    this.#tail = [...tail];
    this.#tailBytes = tailBytes;
    for (const entry of tail) this.#bytes += heldBytes(entry);
    assert(tail.length === 0 || tail.at(-1)?.index === lastIndex, "the tail ends the log");
  }

  get base(): LogBase {
    return this.#base;
  }

  get lastIndex(): LogIndex {
    return this.#last;
  }

  get lastTerm(): Term {
    return this.#runs.at(-1)?.term ?? this.#base.term;
  }

  /** Who the members are by this log, by its newest word, committed or not; `undefined`: it does not say. */
  get members(): Membership | undefined {
    return this.#memberships.members;
  }

  /** The entry that says so; no later than the base if the base does, and 0 if nothing does. */
  get membersFrom(): LogIndex {
    return this.#memberships.membersFrom;
  }

  /** Who they were as of the entry at `index`, which is no earlier than the base. */
  membersAt(index: LogIndex): Membership | undefined {
    return this.#memberships.membersAt(index);
  }

  /** Whether the log up to `index` says who the members are. */
  isInformedAt(index: LogIndex): boolean {
    const [first] = this.#memberships.runs;
    return first !== undefined && first.from <= index;
  }

  /** The last of the entries behind `index` that say nothing but who the members are, or `index` itself. */
  throughMemberships(index: LogIndex): LogIndex {
    let through = index;
    for (const { from } of this.#memberships.runs) if (from === through + 1) through = from;
    return through;
  }

  /** The first index of the tail; one above the last if the tail is empty. */
  get tailFrom(): LogIndex {
    return logIndex(this.#last - (this.#tail.length - this.#head) + 1);
  }

  /** The term of the entry at `index`, 0 before the first of all; `undefined` behind the last and before the base. */
  termAt(index: LogIndex): Term | undefined {
    if (index > this.#last || index < this.#base.index) return undefined;
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i] as TermRun;
      if (run.from <= index) return run.term;
    }
    return this.#base.term;
  }

  /** Whether a leader's log has the same entry at `index`. What was compacted was committed, and every leader has it. */
  matches(index: LogIndex, ofTerm: Term): boolean {
    return index < this.#base.index || this.termAt(index) === ofTerm;
  }

  /** The last index at or before `index` whose term is at most `limit`; `undefined` if the log begins behind it. */
  lastIndexWithTermAtMost(index: LogIndex, limit: Term): LogIndex | undefined {
    let end = Math.min(index, this.#last);
    for (let i = this.#runs.length - 1; i >= 0; i--) {
      const run = this.#runs[i] as TermRun;
      if (run.from > end) continue;
      if (run.term <= limit) return logIndex(end);
      end = run.from - 1;
    }
    // What comes before the first run is of the base's term.
    return end >= this.#base.index && this.#base.term <= limit ? logIndex(end) : undefined;
  }

  /** Whether a log that ends with (`index`, `lastTerm`) is at least as up to date as this one (§5.4.1). */
  isNoNewerThan(index: LogIndex, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && index >= this.#last);
  }

  append(entry: Entry): void {
    assert(entry.index === this.#last + 1, () => `append of ${entry.index} behind ${this.#last}`);
    assert(entry.term >= this.lastTerm, () => `term ${entry.term} behind term ${this.lastTerm}`);
    if (entry.kind === "membership")
      this.#memberships.add({ from: entry.index, members: decodeMembership(entry.payload) });
    if (entry.term !== this.lastTerm) this.#runs.push({ from: entry.index, term: entry.term });
    this.#tail.push(entry);
    this.#bytes += heldBytes(entry);
    this.#last = entry.index;
  }

  /** Forget the entry at `index` and all behind it. */
  truncate(index: LogIndex): void {
    assert(index > this.#base.index && index <= this.#last, () => `truncate at ${index} of ${this.#last}`);
    while (this.#last >= index && this.#tail.length > this.#head) {
      this.#bytes -= heldBytes(present(this.#tail.pop(), "the tail's last entry"));
      this.#last = logIndex(this.#last - 1);
    }
    this.#last = logIndex(index - 1);
    while (this.#runs.length > 0 && present(this.#runs.at(-1), "last run").from >= index) this.#runs.pop();
    this.#memberships.truncate(index);
  }

  /**
   * Entries from `from`, as many as fit `maxBytes` but at least one; empty behind the last; `undefined` if `from`
   * is no longer in the tail.
   */
  slice(from: LogIndex, maxBytes: number): readonly Entry[] | undefined {
    if (from > this.#last) return [];
    const first = this.tailFrom;
    if (from < first) return undefined;
    const start = this.#head + (from - first);
    let end = start;
    let bytes = 0;
    while (end < this.#tail.length) {
      bytes += (this.#tail[end] as Entry).payload.length;
      if (bytes > maxBytes && end > start) break;
      end++;
    }
    return this.#tail.slice(start, end);
  }

  /** Forget the entries up to `base`: a state includes them. */
  compact(base: LogBase): void {
    if (base.index <= this.#base.index) return;
    assert(this.termAt(base.index) === base.term, () => `entry ${base.index} is not of term ${base.term}`);
    while (this.#head < this.#tail.length && this.tailFrom <= base.index) this.#dropFirst();
    const kept = this.#runs.findLastIndex((run) => run.from <= base.index + 1);
    this.#runs.splice(0, Math.max(0, kept));
    const [first] = this.#runs;
    const from = logIndex(base.index + 1);
    if (first !== undefined && first.from < from) this.#runs[0] = { from, term: first.term };
    if (this.#last === base.index) this.#runs = [];
    this.#memberships.compact(base.index);
    this.#base = base;
  }

  /** Nothing but what follows `base`, and of that nothing yet: nor who the members are, which a leader will say. */
  reset(base: LogBase): void {
    this.#base = base;
    this.#runs = [];
    this.#memberships.clear();
    this.#tail = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#last = base.index;
  }

  /** Drop the oldest of the tail while it is over its bound, but nothing that is not durable yet. */
  trim(durable: LogIndex): void {
    while (this.#bytes > this.#tailBytes && this.tailFrom <= durable && this.#head < this.#tail.length) {
      this.#dropFirst();
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#tail.length) {
      this.#tail = this.#tail.slice(this.#head);
      this.#head = 0;
    }
  }

  #dropFirst(): void {
    this.#bytes -= heldBytes(this.#tail[this.#head] as Entry);
    this.#tail[this.#head] = dropped;
    this.#head++;
  }
}
