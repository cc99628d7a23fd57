/** Who the members were from which entry on, as far as a log says: what is cut off is undone, what is compacted folded. */
import { type LogIndex, logIndex } from "../base/units.ts";
import type { Membership } from "./membership.ts";

/** `from` is the entry that says it, or no later than where the log begins. */
export interface MembershipRun {
  readonly from: LogIndex;
  readonly members: Membership;
}

export class MembershipHistory {
  /** Ascending. None: nothing that the log holds says who the members are. */
  #runs: readonly MembershipRun[];

  constructor(runs: readonly MembershipRun[]) {
    this.#runs = runs;
  }

  get runs(): readonly MembershipRun[] {
    return this.#runs;
  }

  /** By the newest word; `undefined`: unknown. */
  get members(): Membership | undefined {
    return this.#runs.at(-1)?.members;
  }

  /** The entry of the newest word, or 0. */
  get membersFrom(): LogIndex {
    return this.#runs.at(-1)?.from ?? logIndex(0);
  }

  /** As of the entry at `index`, which is no earlier than where the log begins. */
  membersAt(index: LogIndex): Membership | undefined {
    return this.#runs.findLast(({ from }) => from <= index)?.members;
  }

  add(run: MembershipRun): void {
    this.#runs = [...this.#runs, run];
  }

  /** The entries from `index` on are gone. */
  truncate(index: LogIndex): void {
    if (this.membersFrom >= index) this.#runs = this.#runs.filter(({ from }) => from < index);
  }

  /** The log begins behind `index`. */
  compact(index: LogIndex): void {
    const inForce = this.#runs.findLastIndex(({ from }) => from <= index);
    if (inForce > 0) this.#runs = this.#runs.slice(inForce);
  }

  clear(): void {
    this.#runs = [];
  }
}
