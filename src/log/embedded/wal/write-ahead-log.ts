/**
 * The write-ahead log of one replica: its entries, term and vote, durable before anyone hears of them.
 *
 * Group commit: while one group is being written and synced, further writes collect in the next. A group is one
 * pwrite at a known place in a preallocated file and one fdatasync; it is never longer delayed than until the end of
 * the turn in which its first write came. A failed write or sync is fatal: what the disk holds is then unknown, and
 * trying again may report as durable what the system's cache has already dropped.
 */
import { assert } from "../../../base/assert.ts";
import { OperatingFailure } from "../../../base/failure.ts";
import { type LogIndex, logIndex } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import type { Entry } from "../../../raft/message.ts";
import { removeRecord } from "./checked-record.ts";
import { type Recovered, type WalOptions, type WalStats, type WalWrite, walLimits } from "./contract.ts";
import type { EntryIndex } from "./entry-index.ts";
import type { WalFiles } from "./files.ts";
import { checkFormat, formatDirectory, isFormatted } from "./format.ts";
import { Group } from "./group.ts";
import { nodeFiles } from "./node-files.ts";
import { readEntries, readTail } from "./read.ts";
import { type ChainPoint, seedOf, segmentHeaderBytes, type WalIdentity } from "./record.ts";
import { cutName, type LogState, openCurrent, recover } from "./recover.ts";
import type { Place } from "./scan.ts";
import { defaultSegmentBytes, type Segment, SegmentSupply } from "./segments.ts";

export type { Recovered, WalOptions, WalStats, WalWrite } from "./contract.ts";
export type { WalIdentity } from "./record.ts";

export class WriteAheadLog {
  readonly #files: WalFiles;
  readonly #dir: string;
  readonly #identity: WalIdentity;
  readonly #seed: number;
  readonly #supply: SegmentSupply;
  readonly #onFatal: (error: OperatingFailure) => void;
  readonly #index: EntryIndex;

  #segment: Segment;
  /** Where the next group goes. */
  #offset: number;
  #next: ChainPoint;

  /** As of the newest write, durable or not. */
  #hardState: HardState;
  #lastIndex: LogIndex;

  readonly #waiting: Group[] = [];
  readonly #spares: Group[] = [];
  #underWay = false;
  #scheduled = false;
  #waitingBytes = 0;
  #state: "open" | "closed" | "failed" = "open";
  #idle: (() => void) | undefined;

  #bytes: number;
  #segments: number;
  #syncs = 0;

  private constructor(
    files: WalFiles,
    dir: string,
    identity: WalIdentity,
    options: WalOptions,
    state: LogState,
    segment: Segment,
  ) {
    this.#files = files;
    this.#dir = dir;
    this.#identity = identity;
    this.#seed = seedOf(identity);
    this.#supply = new SegmentSupply(files, dir, options.segmentBytes ?? defaultSegmentBytes);
    this.#onFatal = options.onFatal;
    this.#index = state.index;
    this.#segment = segment;
    this.#offset = state.place.offset;
    this.#next = state.place;
    this.#hardState = state.hardState;
    this.#lastIndex = state.lastIndex;
    this.#bytes = state.bytes;
    this.#segments = state.segments;
  }

  /** Make `dir` the empty log of this replica. Throws `OperatingFailure("wrong-data")` if it is one already. */
  static async format(
    dir: string,
    identity: WalIdentity,
    options: { readonly segmentBytes?: number; readonly files?: WalFiles } = {},
  ): Promise<void> {
    const { files = nodeFiles, segmentBytes = defaultSegmentBytes } = options;
    await formatDirectory(files, dir, identity, segmentBytes);
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
    await checkFormat(files, dir, identity);
    const state = await recover(files, dir, identity);
    const tail = await readTail(files, dir, state.index, options.tailBytes);
    const file = await openCurrent(files, dir, state);
    const segment = { number: state.segment, file, bytes: await file.size() };
    const { hardState, lastIndex, terms, cut } = state;
    return {
      wal: new WriteAheadLog(files, dir, identity, options, state, segment),
      recovered: { hardState, firstIndex: state.index.firstIndex, lastIndex, terms, tail, cut },
    };
  }

  get stats(): WalStats {
    return { bytes: this.#bytes, segments: this.#segments, syncs: this.#syncs };
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
        first.index >= this.#index.firstIndex && first.index <= this.#lastIndex + 1,
        () => `entry ${first.index} does not continue a log that ends at ${this.#lastIndex}`,
      );
      this.#index.truncate(first.index);
      this.#lastIndex = logIndex(first.index + write.entries.length - 1);
    }
    const group =
      write.hardState === undefined
        ? this.#groupFor(first?.index)
        : this.#groupBehindHardState(write.hardState, first !== undefined);
    this.#waitingBytes -= group.length;
    group.add(write.entries, done);
    this.#waitingBytes += group.length;
    assert(
      this.#waitingBytes <= walLimits.waitingBytes,
      "more is waiting to be written than anyone may ask for",
    );
    group.hardState = this.#hardState;
    if (this.#underWay || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#begin();
    });
  }

  /**
   * Entries from `from` on, as they are on the disk: at most `maxBytes` of payload but at least one, and none if
   * `from` is not durable yet. Throws `WalDamaged` if what was valid at the start no longer checks.
   */
  read(from: LogIndex, maxBytes: number): Promise<readonly Entry[]> {
    return readEntries(this.#files, this.#dir, this.#index, from, maxBytes);
  }

  /** A leader has brought the replica past the cut: later starts no longer report it. */
  async forgetCut(): Promise<void> {
    await removeRecord(this.#files, this.#dir, cutName);
  }

  /** Finishes what was written, then gives the files back. */
  async close(): Promise<void> {
    assert(this.#state !== "closed", "the log is closed twice");
    if (this.#state === "open") {
      this.#state = "closed";
      if (this.#underWay || this.#waiting.length > 0) {
        await new Promise<void>((resolve) => {
          this.#idle = resolve;
        });
      }
    }
    await this.#supply.close();
    // After a failure the process is about to end, and the file may be closed.
    await this.#segment.file.close().catch(this.#fail);
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
    this.#waitingBytes += group.length;
    this.#waiting.push(group);
    return group;
  }

  /** Commit the oldest group that waits. */
  #begin(): void {
    if (this.#underWay || this.#state === "failed") return;
    const group = this.#waiting.shift();
    if (group === undefined) {
      this.#idle?.();
      return;
    }
    this.#underWay = true;
    this.#waitingBytes -= group.length;
    const from = this.#next;
    this.#next = { sequence: from.sequence + 1, chain: group.seal(from, this.#seed) };
    // A group that is larger than a whole segment is the first of one, and makes it grow.
    if (this.#offset + group.length <= this.#segment.bytes) this.#put(group, from, undefined);
    else void this.#roll(group, from);
  }

  /** Go on in the next segment, which has normally been ready for long. */
  async #roll(group: Group, from: ChainPoint): Promise<void> {
    try {
      const number = this.#segment.number + 1;
      this.#supply.prepare(number, this.#fail);
      const next = await this.#supply.take(number);
      await this.#segment.file.close();
      this.#segment = next;
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.#offset = segmentHeaderBytes;
    this.#segments++;
    this.#put(group, from, { identity: this.#identity, number: this.#segment.number, from });
  }

  #put(group: Group, from: ChainPoint, header: Parameters<Group["image"]>[0]): void {
    const { file } = this.#segment;
    const { bytes, offset, length } = group.image(header);
    const place: Place = { ...from, offset: this.#offset };
    const position = header === undefined ? place.offset : 0;
    file.pwrite(bytes, offset, length, position, (error) => {
      if (error !== null) this.#fail(error);
      else {
        file.fdatasync((failed) => {
          // Node's own callback leaves the error out where there is none.
          if (failed) this.#fail(failed);
          else this.#committed(group, place);
        });
      }
    });
  }

  #committed(group: Group, place: Place): void {
    if (this.#state === "failed") return;
    this.#syncs++;
    this.#offset = place.offset + group.length;
    this.#bytes += group.length;
    if (group.entries > 0) {
      this.#index.add(group.first, logIndex(group.end - 1), this.#segment.number, place);
      for (const later of this.#waiting) if (later.entries > 0) this.#index.truncate(later.first);
    }
    if (this.#offset > this.#segment.bytes * walLimits.prepareAt) {
      this.#supply.prepare(this.#segment.number + 1, this.#fail);
    }
    // The disk goes on with the next group before anyone is told of this one.
    this.#underWay = false;
    this.#begin();
    for (const done of group.done) done();
    group.reset();
    if (this.#spares.length < walLimits.spareGroups && group.capacity <= walLimits.spareGroupBytes) {
      this.#spares.push(group);
    }
  }

  readonly #fail = (error: Error): void => {
    if (this.#state === "failed") return;
    this.#state = "failed";
    this.#idle?.();
    this.#onFatal(
      new OperatingFailure(
        "storage",
        `The write-ahead log in ${this.#dir} could not be written: ${error.message}. ` +
          "Nothing more is acknowledged and the process must end; check the disk, then start it again.",
        { cause: error },
      ),
    );
  };
}
