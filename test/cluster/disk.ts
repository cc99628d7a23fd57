/**
 * One replica's disk, as its log uses it. Writes become durable later and in order. A crash keeps any prefix of those
 * under way, the last of them perhaps in part; it may cut a torn tail, in which the last *acknowledged* entries may
 * have been; and it may lose the log altogether.
 *
 * What a cut may lose is the contract of the write-ahead log, on which the core's rule for doubtful votes rests: the
 * entries of the last write, never a term or a vote, nor who the members are. `forgetsVotes` and `forgetsMembers` break that
 * contract on purpose.
 */
import { assert, present } from "../../src/base/assert.ts";
import { logIndex, type Term, term } from "../../src/base/units.ts";
import type { Effect, HardState } from "../../src/raft/effect.ts";
import { type LogBase, wholeLog } from "../../src/raft/log-view.ts";
import { decodeMembership, type Membership } from "../../src/raft/membership.ts";
import type { Entry } from "../../src/raft/message.ts";
import type { Scheduler } from "./scheduler.ts";

export type DiskWrite = Effect & { readonly kind: "persist" | "reset" };
type Persist = Effect & { readonly kind: "persist" };

/** What the newest durable write with entries replaced: cutting it brings that back. */
interface Undo {
  readonly from: number;
  readonly replaced: readonly Entry[];
  readonly hardState: HardState;
}

export interface CrashRules {
  /** Whether a write that was under way may be left in part. */
  readonly mayTear: boolean;
  /** Whether an acknowledged write may be lost with the tail. */
  readonly cutAcknowledged: boolean;
  readonly forgetsVotes: boolean;
  /** What is lost altogether: the store, the log under it, or both. */
  readonly loses: "nothing" | "store" | "log" | "everything";
}

/** A log that was wiped, as it was: what it promised binds the others, and its replica does not know it. */
interface Forgotten {
  readonly base: LogBase;
  readonly entries: readonly Entry[];
}

export class SimDisk {
  /** What is durable. `entries[i]` has index `base.index + i + 1`. */
  hardState: HardState = { term: term(0), votedFor: undefined };
  /** The newest term that it ever knew durably, also if it lost that since. */
  newestTerm = 0;
  base: LogBase = wholeLog;
  /** As of the base; `undefined`: unknown. */
  members: Membership | undefined;
  entries: Entry[] = [];
  /** The marks: that a torn tail was cut; that the log was lost; that a state is being copied, or is not yet joined. */
  doubtful = false;
  recovering = false;
  behind = false;
  /** Acknowledged entries that were lost with the tail, and that no leader has made up for yet. */
  lost: readonly Entry[] = [];
  forgotten: Forgotten | undefined;
  pending: DiskWrite[] = [];
  #undo: Undo | undefined;
  forgetsMembers = false;

  /** Founders are formatted with the members of the group, whoever joins later with nothing. */
  constructor(members: Membership | undefined) {
    this.members = members;
  }

  get lastIndex(): number {
    return this.base.index + this.entries.length;
  }

  /** Who the members were as of `index`, as far as the disk says. */
  membersAt(index: number): Membership | undefined {
    const entry = this.entries.findLast((each) => each.kind === "membership" && each.index <= index);
    return entry === undefined ? this.members : decodeMembership(entry.payload);
  }

  /** Up to where entries may go: a log keeps its newest write, and what of it is cut may be brought back. */
  get compactable(): number {
    return this.#undo === undefined ? this.lastIndex : Math.min(this.lastIndex, this.#undo.from - 1);
  }

  /** Whether everything that it ever acknowledged is there. */
  get isIntact(): boolean {
    return !this.recovering && this.lost.length === 0;
  }

  termAt(index: number): Term | undefined {
    if (index === this.base.index) return this.base.term;
    return this.entries[index - this.base.index - 1]?.term;
  }

  entry(index: number): Entry {
    return present(this.entries[index - this.base.index - 1], `entry ${index} on disk`);
  }

  /** Whether it once acknowledged the entry, and has it no more. */
  hasLost(index: number, ofTerm: number): boolean {
    const { lost, forgotten } = this;
    if (lost.some((entry) => entry.index === index && entry.term === ofTerm)) return true;
    if (forgotten === undefined) return false;
    if (index <= forgotten.base.index) return true;
    return forgotten.entries[index - forgotten.base.index - 1]?.term === ofTerm;
  }

  /** The first `count` pending writes are durable; returns the last one's ticket. */
  complete(count: number): number {
    let ticket = 0;
    for (const write of this.pending.splice(0, count)) {
      if (write.kind === "reset") this.#reset(write.base, write.hardState);
      else this.#apply(write);
      ticket = write.ticket;
    }
    return ticket;
  }

  /** Whether a write behind the first `count` replaces entries of theirs. */
  willReplace(count: number): boolean {
    let last = 0;
    return this.pending.some((write, i) => {
      if (write.kind === "reset") return false;
      const { entries } = write;
      if (i < count) last = Math.max(last, entries.at(-1)?.index ?? 0);
      return i >= count && (entries[0]?.index ?? Number.POSITIVE_INFINITY) <= last;
    });
  }

  crash(scheduler: Scheduler, rules: CrashRules): void {
    const whole = scheduler.between(0, this.pending.length);
    this.complete(whole);
    const torn = this.pending[0];
    this.pending = [];
    if (torn?.kind === "persist" && scheduler.chance(0.5)) {
      const kept = scheduler.between(0, torn.entries.length);
      const entries = rules.mayTear ? torn.entries.slice(0, kept) : torn.entries;
      this.#apply({ ...torn, entries });
      // The last of what was written does not check: the start cannot know that nobody was told of it.
      if (entries.length < torn.entries.length) this.doubtful = true;
    } else if (rules.cutAcknowledged) {
      this.#cutLast(rules);
    }
    this.#undo = undefined;
  }

  /** The log is lost; `base`: what the store includes. */
  wipe(base: LogBase): void {
    // What it said while it recovered from an earlier loss promised nothing.
    this.forgotten ??= { base: this.base, entries: this.entries };
    this.recovering = true;
    this.doubtful = false;
    this.behind = false;
    this.#reset(base, { term: base.term, votedFor: undefined });
  }

  /** A start finds that the log is not joined to the state that was copied. */
  beginBehind(base: LogBase): void {
    const { hardState } = this;
    this.behind = false;
    // A term that was not durable yet was promised to nobody.
    this.#reset(base, hardState.term < base.term ? { term: base.term, votedFor: undefined } : hardState);
  }

  compact(base: LogBase): void {
    assert(this.termAt(base.index) === base.term, () => `compacted at ${base.index} of another term`);
    this.members = this.membersAt(base.index);
    this.entries = this.entries.slice(base.index - this.base.index);
    this.base = base;
  }

  settle(): void {
    this.doubtful = false;
    this.lost = [];
  }

  recovered(): void {
    this.recovering = false;
    this.forgotten = undefined;
  }

  #reset(base: LogBase, hardState: HardState): void {
    this.base = base;
    this.members = undefined;
    this.entries = [];
    this.hardState = hardState;
    this.#undo = undefined;
  }

  #apply(write: Persist): void {
    const first = write.entries[0];
    const hardState = this.hardState;
    if (write.hardState !== undefined) {
      this.hardState = write.hardState;
      this.newestTerm = Math.max(this.newestTerm, write.hardState.term);
      if (first === undefined) this.#undo = { from: this.lastIndex + 1, replaced: [], hardState };
    }
    if (first === undefined) return;
    assert(first.index <= this.lastIndex + 1, "a write continues the log on disk");
    assert(first.index > this.base.index, "a write replaces nothing that was compacted");
    const replaced = this.entries.splice(first.index - this.base.index - 1);
    this.entries.push(...write.entries);
    const members = this.forgetsMembers
      ? undefined
      : write.entries.findLast(({ kind }) => kind === "membership");
    this.#undo =
      members === undefined
        ? { from: first.index, replaced, hardState }
        : { from: members.index + 1, replaced: [], hardState };
  }

  #cutLast(rules: CrashRules): void {
    if (this.#undo === undefined) return;
    const { from, replaced, hardState } = this.#undo;
    this.doubtful = true;
    this.lost = this.entries.splice(from - this.base.index - 1);
    this.entries.push(...replaced);
    if (rules.forgetsVotes) this.hardState = hardState;
  }
}

/** A base behind the entry at `index`. */
export function baseAt(index: number, ofTerm: number): LogBase {
  return { index: logIndex(index), term: term(ofTerm) };
}
