/** Groups that wait to be written, the newest of which collects. */
import { assert } from "../../../base/assert.ts";
import type { LogIndex } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import type { LogBase } from "../../../raft/log-view.ts";
import { type WalWrite, walLimits } from "./contract.ts";
import { Group } from "./group.ts";

export class GroupQueue {
  /** As of the newest write. */
  #hardState: HardState;
  readonly #waiting: Group[] = [];
  readonly #spares: Group[] = [];
  #bytes = 0;
  #resets = 0;

  constructor(hardState: HardState) {
    this.#hardState = hardState;
  }

  get waiting(): readonly Group[] {
    return this.#waiting;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Resets that were added and not recycled. */
  get resets(): number {
    return this.#resets;
  }

  add(write: WalWrite, done: () => void): void {
    const first = write.entries[0]?.index;
    const group =
      write.hardState === undefined
        ? this.#groupFor(first)
        : this.#groupBehindHardState(write.hardState, first !== undefined);
    // Who the members are is in no group that a cut may take: another stands behind it before anyone is told.
    const members = write.entries.findLastIndex(({ kind }) => kind === "membership") + 1;
    if (members === 0) this.#fill(group, write.entries, done);
    else {
      this.#fill(group, write.entries.slice(0, members), undefined);
      group.closed = true;
      this.#fill(this.#newGroup(), write.entries.slice(members), done);
    }
    assert(this.#bytes <= walLimits.waitingBytes, "more is waiting to be written than anyone may ask for");
  }

  #fill(group: Group, entries: WalWrite["entries"], done: (() => void) | undefined): void {
    this.#bytes -= group.length;
    group.add(entries, done);
    this.#bytes += group.length;
    group.hardState = this.#hardState;
  }

  /** The groups of a reset: the second says what the log is empty behind, and is `done` when that is durable. */
  addReset(base: LogBase, hardState: HardState, done: () => void): void {
    const group = this.#groupBehindHardState(hardState, false);
    group.base = base;
    group.done.push(done);
    this.#resets++;
  }

  /** The oldest, to be written; give it back with `recycle`. */
  shift(): Group | undefined {
    const group = this.#waiting.shift();
    if (group !== undefined) this.#bytes -= group.length;
    return group;
  }

  recycle(group: Group): void {
    if (group.base !== undefined) this.#resets--;
    group.reset();
    if (this.#spares.length < walLimits.spareGroups && group.capacity <= walLimits.spareGroupBytes) {
      this.#spares.push(group);
    }
  }

  /**
   * A changed term or vote stands in two groups of its own, before any entries. A cut takes the last group, and a
   * replica that forgot an entry is merely doubtful; one that forgot its vote could vote twice in a term, and against
   * that there is no cure.
   */
  #groupBehindHardState(hardState: HardState, entries: boolean): Group {
    this.#hardState = hardState;
    const first = this.#newGroup();
    first.hardState = hardState;
    first.closed = true;
    const second = this.#newGroup();
    second.hardState = hardState;
    second.closed = true;
    return entries ? this.#newGroup() : second;
  }

  /** The group that collects; a new one if entries up to the next would not be neighbours in it, or it is full. */
  #groupFor(first: LogIndex | undefined): Group {
    const last = this.#waiting.at(-1);
    const continues = last !== undefined && (first === undefined || last.entries === 0 || last.end === first);
    if (last !== undefined && !last.closed && continues && last.length < walLimits.groupBytes) return last;
    return this.#newGroup();
  }

  #newGroup(): Group {
    const group = this.#spares.pop() ?? new Group();
    this.#bytes += group.length;
    this.#waiting.push(group);
    return group;
  }
}
