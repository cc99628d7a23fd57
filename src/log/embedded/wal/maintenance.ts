/**
 * What changes where the log begins: compaction, which forgets old segments, and a reset, which forgets everything.
 * One at a time, and a compaction off the way of the writes.
 *
 * Both do the same in the same order: the base record becomes durable (from here on the log is the new one); the
 * index forgets, so that no new read looks for what goes; the segments are removed, oldest first; the directory is
 * synced. A start finishes what a crash left of the last two.
 */
import { join } from "node:path";
import { type LogIndex, logIndex } from "../../../base/units.ts";
import type { LogBase } from "../../../raft/log-view.ts";
import type { MembershipHistory } from "../../../raft/membership-history.ts";
import { type BaseRecord, writeBase } from "./base.ts";
import type { EntryIndex } from "./entry-index.ts";
import type { WalFiles } from "./files.ts";
import { chooseFirst, type KeptSegments } from "./kept-segments.ts";
import { readEntries } from "./read.ts";
import { segmentName } from "./record.ts";
import { isFull, type RoomWait } from "./room.ts";
import { listSegments } from "./segments.ts";

/** Remove the segments below `first`; they are certainly gone when it resolves. */
export async function removeSegmentsBelow(files: WalFiles, dir: string, first: number): Promise<void> {
  const gone = (await listSegments(files, dir)).filter((number) => number < first);
  if (gone.length === 0) return;
  for (const number of gone) await files.remove(join(dir, segmentName(number)));
  await files.syncDirectory(dir);
}

export class Maintenance {
  readonly #files: WalFiles;
  readonly #dir: string;
  readonly #index: EntryIndex;
  readonly #segments: KeptSegments;
  readonly #room: RoomWait;
  readonly #keptBytes: number;
  readonly #memberships: MembershipHistory;
  #base: BaseRecord;
  /** Tasks that are under way or wait for the one that is. */
  #tasks = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    files: WalFiles,
    dir: string,
    index: EntryIndex,
    segments: KeptSegments,
    base: BaseRecord,
    room: RoomWait,
    keptBytes: number,
    memberships: MembershipHistory,
  ) {
    this.#memberships = memberships;
    this.#files = files;
    this.#dir = dir;
    this.#index = index;
    this.#segments = segments;
    this.#base = base;
    this.#room = room;
    this.#keptBytes = keptBytes;
  }

  get base(): BaseRecord {
    return this.#base;
  }

  /**
   * Forget what may go of the entries up to `through`. Returns the last entry that is gone, `undefined` if
   * none went: also if another compaction or a reset is under way, or there is no room even for the record.
   */
  async compact(through: LogIndex): Promise<LogBase | undefined> {
    if (this.#tasks > 0) return undefined;
    return this.#exclusively(() => this.#compact(through));
  }

  /**
   * The log is empty behind `base`; groups before `sequence` count no more, of which the last two are durable and hold
   * the newest term and vote. Waits for room if there is none. Returns false if the log is closed before.
   */
  reset(base: LogBase, sequence: number): Promise<boolean> {
    return this.#exclusively(async () => {
      const segment = this.#segments.ofLastTwoGroups ?? this.#base.segment;
      const record = { ...base, segment, sequence, members: undefined };
      if (!(await this.#waitForRoom(() => writeBase(this.#files, this.#dir, record)))) return false;
      this.#base = record;
      this.#index.clear(logIndex(base.index + 1));
      this.#segments.forgetEntries();
      await this.#remove(segment);
      return true;
    });
  }

  /** When what is under way is finished. */
  async close(): Promise<void> {
    await this.#last;
  }

  async #compact(limit: LogIndex): Promise<LogBase | undefined> {
    const through = logIndex(Math.min(limit, this.#index.readable));
    const mark = this.#index.find(through)?.point;
    if (mark === undefined) return undefined;
    const chosen = chooseFirst(
      this.#segments.list,
      this.#index.lastAdded,
      through,
      { segment: mark.segment, offset: mark.place.offset },
      this.#keptBytes,
    );
    if (chosen === undefined) return undefined;
    const term = await this.#termAt(chosen.index);
    if (term === undefined) return undefined;
    const { index, segment } = chosen;
    const members = this.#memberships.membersAt(index);
    const record = { index, term, segment, sequence: this.#base.sequence, members };
    try {
      await writeBase(this.#files, this.#dir, record);
    } catch (error) {
      // Whether the new record holds or the old one: either is true as long as no segment is gone.
      if (isFull(error)) return undefined;
      throw error;
    }
    this.#base = record;
    this.#index.forget(logIndex(record.index + 1), record.segment);
    await this.#remove(record.segment);
    return { index: record.index, term };
  }

  async #termAt(index: LogIndex): Promise<BaseRecord["term"] | undefined> {
    if (index === this.#base.index) return this.#base.term;
    const entries = await readEntries(this.#files, this.#dir, this.#index, index, 0);
    return entries?.[0]?.term;
  }

  async #remove(first: number): Promise<void> {
    this.#segments.forgetBefore(first);
    await removeSegmentsBelow(this.#files, this.#dir, first);
    this.#room.again();
  }

  async #waitForRoom(act: () => Promise<void>): Promise<boolean> {
    for (;;) {
      try {
        await act();
        return true;
      } catch (error) {
        if (!isFull(error)) throw error;
      }
      if (!(await this.#room.wait())) return false;
    }
  }

  #exclusively<T>(task: () => Promise<T>): Promise<T> {
    const before = this.#last;
    this.#tasks++;
    const run = async (): Promise<T> => {
      await before;
      try {
        return await task();
      } finally {
        this.#tasks--;
      }
    };
    const result = run();
    this.#last = result.catch(() => {});
    return result;
  }
}
