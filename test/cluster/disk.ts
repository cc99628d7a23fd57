/**
 * One replica's disk. Writes become durable later and in order. A crash keeps any prefix of those under way, the last
 * of them perhaps in part; and it may cut a torn tail, in which the last *acknowledged* entries may have been.
 *
 * What a cut may lose is the contract of the write-ahead log, on which the core's rule for doubtful votes rests: the
 * entries of the last write, never a term or a vote. `forgetsVotes` breaks that contract on purpose.
 */
import { assert, present } from "../../src/base/assert.ts";
import { type LogIndex, type Term, term } from "../../src/base/units.ts";
import type { HardState } from "../../src/raft/effect.ts";
import type { Entry } from "../../src/raft/message.ts";
import type { Scheduler } from "./scheduler.ts";

export interface DiskWrite {
  readonly ticket: number;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
}

/** What the newest durable write with entries replaced: cutting it brings that back. */
interface Undo {
  readonly from: number;
  readonly replaced: readonly Entry[];
  readonly hardState: HardState;
}

export interface CrashRules {
  /** Whether an acknowledged write may be lost with the tail. */
  readonly cutAcknowledged: boolean;
  readonly forgetsVotes: boolean;
}

export class SimDisk {
  /** What is durable. `entries[i]` has index i + 1. */
  hardState: HardState = { term: term(0), votedFor: undefined };
  readonly entries: Entry[] = [];
  /** The mark that a torn tail was cut. */
  doubtful = false;
  /** An acknowledged entry was lost with the tail, and no leader has made up for it yet. */
  lost: readonly Entry[] = [];
  pending: DiskWrite[] = [];
  #undo: Undo | undefined;

  get lastIndex(): number {
    return this.entries.length;
  }

  termAt(index: LogIndex): Term | undefined {
    return index === 0 ? term(0) : this.entries[index - 1]?.term;
  }

  /** The first `count` pending writes are durable; returns the last one's ticket. */
  complete(count: number): number {
    let ticket = 0;
    for (const write of this.pending.splice(0, count)) {
      this.#apply(write);
      ticket = write.ticket;
    }
    return ticket;
  }

  /** Whether a write behind the first `count` replaces entries of theirs. */
  willReplace(count: number): boolean {
    let last = 0;
    return this.pending.some(({ entries }, i) => {
      if (i < count) last = Math.max(last, entries.at(-1)?.index ?? 0);
      return i >= count && (entries[0]?.index ?? Number.POSITIVE_INFINITY) <= last;
    });
  }

  crash(scheduler: Scheduler, rules: CrashRules): void {
    const whole = scheduler.between(0, this.pending.length);
    this.complete(whole);
    const torn = this.pending[0];
    this.pending = [];
    if (torn !== undefined && scheduler.chance(0.5)) {
      const entries = torn.entries.slice(0, scheduler.between(0, torn.entries.length));
      this.#apply({ ...torn, entries });
      // The last of what was written does not check: the start cannot know that nobody was told of it.
      if (entries.length < torn.entries.length) this.doubtful = true;
    } else if (rules.cutAcknowledged) {
      this.#cutLast(rules);
    }
    this.#undo = undefined;
  }

  settle(): void {
    this.doubtful = false;
    this.lost = [];
  }

  #apply(write: DiskWrite): void {
    const first = write.entries[0];
    const hardState = this.hardState;
    if (write.hardState !== undefined) {
      this.hardState = write.hardState;
      if (first === undefined) this.#undo = { from: this.entries.length + 1, replaced: [], hardState };
    }
    if (first === undefined) return;
    assert(first.index <= this.entries.length + 1, "a write continues the log on disk");
    const replaced = this.entries.splice(first.index - 1);
    this.entries.push(...write.entries);
    this.#undo = { from: first.index, replaced, hardState };
  }

  #cutLast(rules: CrashRules): void {
    if (this.#undo === undefined) return;
    const { from, replaced, hardState } = this.#undo;
    this.doubtful = true;
    this.lost = this.entries.splice(from - 1);
    this.entries.push(...replaced);
    if (rules.forgetsVotes) this.hardState = hardState;
  }

  entry(index: number): Entry {
    return present(this.entries[index - 1], `entry ${index} on disk`);
  }
}
