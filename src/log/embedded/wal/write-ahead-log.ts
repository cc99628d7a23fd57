/**
 * The write-ahead log of one replica: its entries, term and vote, durable before anyone hears of them.
 *
 * Group commit: while one group is being written and synced, further writes collect in the next. A group is one
 * pwrite at a known place in a preallocated file and one fdatasync; it is never longer delayed than until the end of
 * the turn in which its first write came. A failed write or sync is fatal: what the disk holds is then unknown, and
 * trying again may report as durable what the system's cache has already dropped.
 *
 * A full disk is not: it is met while a segment is prepared, in which nothing stands yet (segments.ts). `room` says
 * in time that entries must be refused, so that the rest of the present segment is left for the term and the vote.
 * What cannot be written even so waits, unacknowledged, until there is room.
 */
import { assert } from "../../../base/assert.ts";
import { type LogIndex, logIndex } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import { type LogBase, wholeLog } from "../../../raft/log-view.ts";
import { decodeMembership, type Membership } from "../../../raft/membership.ts";
import type { MembershipHistory } from "../../../raft/membership-history.ts";
import type { Entry } from "../../../raft/message.ts";
import { firstIncarnation } from "../incarnation.ts";
import { originalBase, writeBase } from "./base.ts";
import { removeRecord, writeRecord } from "./checked-record.ts";
import type { Cut, Recovered, WalOptions, WalStats, WalWrite } from "./contract.ts";
import { WalDamaged } from "./damage.ts";
import type { EntryIndex } from "./entry-index.ts";
import type { WalFiles } from "./files.ts";
import { checkFormat, formatDirectory, isFormatted, writeFormat } from "./format.ts";
import type { Group } from "./group.ts";
import { GroupQueue } from "./group-queue.ts";
import { GroupWriter } from "./group-writer.ts";
import type { KeptSegments } from "./kept-segments.ts";
import { Maintenance } from "./maintenance.ts";
import { nodeFiles } from "./node-files.ts";
import { readEntries, readTail } from "./read.ts";
import type { WalIdentity } from "./record.ts";
import { cutName, type LogState, openCurrent, recover } from "./recover.ts";
import { inASecond, RoomWait } from "./room.ts";
import type { Place } from "./scan.ts";
import { defaultSegmentBytes, type Segment } from "./segments.ts";

export type { Recovered, WalOptions, WalStats, WalWrite } from "./contract.ts";
export type { WalIdentity } from "./record.ts";

export class WriteAheadLog {
  readonly #files: WalFiles;
  readonly #dir: string;
  readonly #identity: WalIdentity;
  readonly #queue: GroupQueue;
  readonly #writer: GroupWriter;
  readonly #maintenance: Maintenance;
  readonly #index: EntryIndex;
  readonly #kept: KeptSegments;
  readonly #options: WalOptions;
  /** As of the newest write. */
  readonly #memberships: MembershipHistory;

  /** As of the newest write or reset, durable or not. */
  #baseIndex: LogIndex;
  #lastIndex: LogIndex;
  #state: "open" | "closed" | "failed" = "open";
  #toldRoom = true;

  private constructor(
    files: WalFiles,
    dir: string,
    identity: WalIdentity,
    options: WalOptions,
    state: LogState,
    segment: Segment,
  ) {
    const { segmentBytes = defaultSegmentBytes, keptBytes = 0, retryLater = inASecond } = options;
    const log = { files, dir, identity };
    const wait = new RoomWait(retryLater);
    this.#files = files;
    this.#dir = dir;
    this.#identity = identity;
    this.#options = options;
    this.#index = state.index;
    this.#kept = state.kept;
    this.#baseIndex = state.base.index;
    this.#lastIndex = state.lastIndex;
    this.#memberships = state.memberships;
    this.#queue = new GroupQueue(state.hardState);
    this.#maintenance = new Maintenance(
      files,
      dir,
      state.index,
      state.kept,
      state.base,
      wait,
      keptBytes,
      state.memberships,
    );
    this.#writer = new GroupWriter(log, segmentBytes, segment, state.place, this.#queue, wait, {
      durable: (group, number, place) => this.#durable(group, number, place),
      roomMayChange: () => this.#roomMayChange(),
      failed: (error) => {
        this.#state = "failed";
        options.onFatal(error);
      },
    });
  }

  /**
   * Make `dir` the empty log of this replica. `members`: those that a group is founded with; without them it is one that
   * joins a group, and learns of its members from a leader. Throws `OperatingFailure("wrong-data")` if it is one already.
   */
  static async format(
    dir: string,
    identity: WalIdentity,
    options: {
      readonly segmentBytes?: number;
      readonly files?: WalFiles;
      readonly members?: Membership;
    } = {},
  ): Promise<void> {
    const { files = nodeFiles, segmentBytes = defaultSegmentBytes, members } = options;
    const prepare = async (): Promise<void> => {
      await firstIncarnation(dir, files);
      if (members !== undefined) await writeBase(files, dir, originalBase(wholeLog, members));
    };
    await formatDirectory(files, dir, identity, segmentBytes, { recovering: false, prepare });
  }

  /** Whether `dir` was formatted, for whomever: if not, a replica that should have data here has lost it. */
  static isFormatted(dir: string, files: WalFiles = nodeFiles): Promise<boolean> {
    return isFormatted(files, dir);
  }

  /**
   * Throws `OperatingFailure("wrong-data")` if the directory is not this replica's, `WalDamaged` if what it holds is
   * damaged other than at its very end; nothing was changed then. Who calls sees to it that one process at a time
   * has the log open.
   */
  static async open(
    dir: string,
    identity: WalIdentity,
    options: WalOptions,
  ): Promise<{ readonly wal: WriteAheadLog; readonly recovered: Recovered }> {
    const files = options.files ?? nodeFiles;
    const { recovering } = await checkFormat(files, dir, identity);
    const state = await recover(files, dir, identity);
    const tail = await readTail(files, dir, state.index, options.tailBytes);
    const file = await openCurrent(files, dir, state);
    const segment = { number: state.segment, file, bytes: await file.size() };
    const { hardState, lastIndex, terms, cut } = state;
    const memberships = state.memberships.runs;
    const { firstIndex } = state.index;
    const base = { index: state.base.index, term: state.base.term };
    return {
      wal: new WriteAheadLog(files, dir, identity, options, state, segment),
      recovered: { hardState, base, firstIndex, lastIndex, terms, memberships, tail, cut, recovering },
    };
  }

  get stats(): WalStats {
    return {
      firstIndex: this.#index.firstIndex,
      bytes: this.#kept.bytes,
      segments: this.#writer.segment + 1 - this.#maintenance.base.segment,
      syncs: this.#writer.syncs,
    };
  }

  /**
   * Whether entries may be written. While it is false, so much of the present segment is kept for the term and the
   * vote as nothing else may touch; who writes entries all the same may have to wait for room, and the vote with him.
   */
  get room(): boolean {
    return this.#writer.room;
  }

  /** Whether entries of so many bytes, headers included, find a place all the same, and leave what votes need. */
  fits(bytes: number): boolean {
    return this.#writer.fits(bytes);
  }

  /**
   * Make a write durable, then call `done`. Dones are called in the order of the writes, never within this call, and
   * not at all after a failure. The payloads' bytes are copied before this returns.
   */
  write(write: WalWrite, done: () => void): void {
    if (this.#state === "failed") return;
    assert(this.#state === "open", "a write to a log that is closed");
    const first = write.entries[0];
    if (first !== undefined) {
      assert(
        first.index > this.#baseIndex && first.index <= this.#lastIndex + 1,
        () => `entry ${first.index} does not continue a log from ${this.#baseIndex} to ${this.#lastIndex}`,
      );
      this.#index.truncate(first.index);
      this.#lastIndex = logIndex(first.index + write.entries.length - 1);
      this.#memberships.truncate(first.index);
      for (const { kind, index, payload } of write.entries)
        if (kind === "membership") this.#memberships.add({ from: index, members: decodeMembership(payload) });
    }
    this.#queue.add(write, done);
    this.#writer.schedule();
  }

  /**
   * Make the log empty behind `base`, whatever it holds, and the term and vote `hardState`, or those of the base's
   * term if that is later; resolves when that is durable. It takes its turn among the writes: those before it are
   * completed first, and a write that is made after this call goes on at `base.index` + 1, whether or not it has
   * resolved. A crash leaves the old log or the new one; the old one perhaps with the new term and vote, the new one
   * always with them. Waits for room on a full disk, and after a failure for ever.
   */
  reset(base: LogBase, hardState: HardState): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state === "failed") return;
      assert(this.#state === "open", "a reset of a log that is closed");
      assert(
        base.index >= this.#baseIndex,
        () => `a reset to ${base.index} of a log from ${this.#baseIndex}`,
      );
      this.#baseIndex = base.index;
      this.#lastIndex = base.index;
      this.#index.truncate(this.#index.firstIndex);
      this.#memberships.clear();
      // Who takes over a state of a later term than his own has seen that term.
      const { term } = base;
      const newest = hardState.term < term ? { term, votedFor: undefined } : hardState;
      this.#queue.addReset({ index: base.index, term }, newest, resolve);
      this.#writer.schedule();
    });
  }

  /**
   * Forget entries up to `through`, which are committed and needed here no more, except what `keptBytes` keeps for
   * others: whole segments. Returns the last entry that is gone, behind which the log begins now; `undefined` if none
   * went, also because a compaction or a reset is under way, or the disk is full: ask again later. Throws
   * `WalDamaged` like `read`.
   */
  async compact(through: LogIndex): Promise<LogBase | undefined> {
    if (this.#state !== "open" || this.#queue.resets > 0) return undefined;
    try {
      const base = await this.#maintenance.compact(through);
      // Nothing went but terms and votes, or a reset has overtaken it.
      if (base === undefined || base.index <= this.#baseIndex) return undefined;
      this.#baseIndex = base.index;
      this.#memberships.compact(base.index);
      return base;
    } catch (error) {
      if (error instanceof WalDamaged) throw error;
      this.#writer.fail(error as Error);
      return undefined;
    }
  }

  /**
   * Entries from `from` on, as they are on the disk: at most `maxBytes` of payload but at least one, and none if
   * `from` is not durable yet; `undefined` if the log begins behind `from`, perhaps since a moment ago. Throws
   * `WalDamaged` if what was valid at the start no longer checks.
   */
  read(from: LogIndex, maxBytes: number): Promise<readonly Entry[] | undefined> {
    return readEntries(this.#files, this.#dir, this.#index, from, maxBytes);
  }

  /** The log's end is missing, as if it had been cut: durably on record, until `forgetCut`. */
  async noteCut(): Promise<Cut> {
    const cut: Cut = { ...this.#writer.end, bytes: 0 };
    await writeRecord(this.#files, this.#dir, cutName, cut);
    return cut;
  }

  /** A leader has brought the replica past the cut: later starts no longer report it. */
  async forgetCut(): Promise<void> {
    await removeRecord(this.#files, this.#dir, cutName);
  }

  /** The replica has recovered: durably, this log is like any other from now on. */
  async forgetRecovering(): Promise<void> {
    await writeFormat(this.#files, this.#dir, this.#identity, false);
  }

  /** Finishes what was written, except what has no room; then gives the files back. */
  async close(): Promise<void> {
    assert(this.#state !== "closed", "the log is closed twice");
    this.#state = "closed";
    await this.#writer.finish();
    await this.#maintenance.close();
    await this.#writer.close();
  }

  #durable(group: Group, segment: number, place: Place): Promise<boolean> | undefined {
    this.#kept.add(segment, group.length, group.entries > 0 ? group.first : undefined);
    if (group.entries > 0) {
      this.#index.add(group.first, logIndex(group.end - 1), segment, place);
      for (const later of this.#queue.waiting) {
        if (later.base !== undefined) this.#index.truncate(this.#index.firstIndex);
        else if (later.entries > 0) this.#index.truncate(later.first);
      }
    }
    // What waits behind a reset continues the new log, so it waits until there is one.
    return group.base === undefined ? undefined : this.#maintenance.reset(group.base, this.#writer.sequence);
  }

  #roomMayChange(): void {
    queueMicrotask(() => {
      const { room } = this;
      if (room === this.#toldRoom || this.#state !== "open") return;
      this.#toldRoom = room;
      this.#options.onRoom?.(room);
    });
  }
}
