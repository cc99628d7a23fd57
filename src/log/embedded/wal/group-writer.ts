/**
 * The way of a group to the disk: one pwrite behind the group before it, one fdatasync; the next group when that is
 * done, in the next segment when the present one is used up.
 */
import { OperatingFailure } from "../../../base/failure.ts";
import { walLimits } from "./contract.ts";
import type { WalFiles } from "./files.ts";
import type { Group } from "./group.ts";
import type { GroupQueue } from "./group-queue.ts";
import { type ChainPoint, seedOf, segmentHeaderBytes, segmentName, type WalIdentity } from "./record.ts";
import type { RoomWait } from "./room.ts";
import type { Place } from "./scan.ts";
import { type Segment, SegmentSupply } from "./segments.ts";

export interface GroupEvents {
  /** A group is durable at `place`. The next one is not begun before what this returns, if anything, resolves to true. */
  durable(group: Group, segment: number, place: Place): Promise<boolean> | undefined;
  /** The room for entries may have changed. */
  roomMayChange(): void;
  failed(error: OperatingFailure): void;
}

export class GroupWriter {
  readonly #dir: string;
  readonly #identity: WalIdentity;
  readonly #seed: number;
  readonly #queue: GroupQueue;
  readonly #supply: SegmentSupply;
  readonly #wait: RoomWait;
  readonly #events: GroupEvents;

  #segment: Segment;
  /** Where the next group goes. */
  #offset: number;
  #next: ChainPoint;

  #underWay: Group | undefined;
  #scheduled = false;
  #failed = false;
  #idle: (() => void) | undefined;
  #syncs = 0;

  constructor(
    log: { readonly files: WalFiles; readonly dir: string; readonly identity: WalIdentity },
    segmentBytes: number,
    segment: Segment,
    place: Place,
    queue: GroupQueue,
    wait: RoomWait,
    events: GroupEvents,
  ) {
    this.#dir = log.dir;
    this.#identity = log.identity;
    this.#seed = seedOf(log.identity);
    this.#segment = segment;
    this.#offset = place.offset;
    this.#next = place;
    this.#queue = queue;
    this.#wait = wait;
    this.#events = events;
    this.#supply = new SegmentSupply(log.files, log.dir, segmentBytes, wait, this.fail, () =>
      events.roomMayChange(),
    );
    this.#prepareNext();
  }

  /** The newest segment in use. */
  get segment(): number {
    return this.#segment.number;
  }

  /** Where the next group goes. */
  get end(): { readonly segment: string; readonly offset: number } {
    return { segment: segmentName(this.#segment.number), offset: this.#offset };
  }

  /** The sequence that the next group has. */
  get sequence(): number {
    return this.#next.sequence;
  }

  get syncs(): number {
    return this.#syncs;
  }

  /** Whether entries may be queued: there is a next segment, or was never a reason to doubt it, or much is left here. */
  get room(): boolean {
    if (!this.#supply.full) return true;
    const reserve = Math.max(this.#segment.bytes * walLimits.reservePart, walLimits.reserveBytesMin);
    return this.#left >= reserve + walLimits.largestWriteBytes;
  }

  /** Whether entries of so many bytes could be queued even without `room`, and leave what terms and votes need. */
  fits(bytes: number): boolean {
    return !this.#supply.full || this.#left >= bytes + walLimits.votesBytes;
  }

  get #left(): number {
    return this.#segment.bytes - this.#offset - (this.#underWay?.length ?? 0) - this.#queue.bytes;
  }

  /** Something was queued: it is begun at the end of this turn, if nothing is under way. */
  schedule(): void {
    if (this.#supply.full) this.#events.roomMayChange();
    if (this.#underWay !== undefined || this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#begin();
    });
  }

  /** Writes what is queued, except what has no room. Nothing may be queued any more. */
  async finish(): Promise<void> {
    const busy = this.#underWay !== undefined || this.#queue.waiting.length > 0;
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    this.#wait.close();
    if (busy && !this.#failed) await idle;
  }

  /** After `finish`. */
  async close(): Promise<void> {
    await this.#supply.close();
    // After a failure the process is about to end, and the file may be closed.
    await this.#segment.file.close().catch(this.fail);
  }

  /** Nothing more is written, and nobody is told that anything was. */
  readonly fail = (error: Error): void => {
    if (this.#failed) return;
    this.#failed = true;
    this.#idle?.();
    this.#events.failed(
      new OperatingFailure(
        "storage",
        `The write-ahead log in ${this.#dir} could not be written: ${error.message}. ` +
          "Nothing more is acknowledged and the process must end; check the disk, then start it again.",
        { cause: error },
      ),
    );
  };

  /** Commit the oldest group that waits. */
  #begin(): void {
    if (this.#underWay !== undefined || this.#failed) return;
    const group = this.#queue.shift();
    if (group === undefined) {
      this.#idle?.();
      return;
    }
    this.#underWay = group;
    const from = this.#next;
    this.#next = { sequence: from.sequence + 1, chain: group.seal(from, this.#seed) };
    if (this.#offset + group.length <= this.#segment.bytes) this.#put(group, from, undefined);
    else void this.#roll(group, from);
  }

  /** Go on in the next segment, which has normally been ready for long, and is as large as the group needs. */
  async #roll(group: Group, from: ChainPoint): Promise<void> {
    try {
      const next = await this.#supply.take(this.#segment.number + 1, segmentHeaderBytes + group.length);
      if (next === undefined) return this.#idle?.();
      await this.#segment.file.close();
      this.#segment = next;
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    this.#offset = segmentHeaderBytes;
    this.#put(group, from, { identity: this.#identity, number: this.#segment.number, from });
  }

  #put(group: Group, from: ChainPoint, header: Parameters<Group["image"]>[0]): void {
    const { file } = this.#segment;
    const { bytes, offset, length } = group.image(header);
    const place: Place = { ...from, offset: this.#offset };
    const position = header === undefined ? place.offset : 0;
    file.pwrite(bytes, offset, length, position, (error) => {
      if (error !== null) this.fail(error);
      else {
        file.fdatasync((failed) => {
          // Node's own callback leaves the error out where there is none.
          if (failed) this.fail(failed);
          else this.#durable(group, place);
        });
      }
    });
  }

  #durable(group: Group, place: Place): void {
    if (this.#failed) return;
    this.#syncs++;
    this.#offset = place.offset + group.length;
    this.#prepareNext();
    const first = this.#events.durable(group, this.#segment.number, place);
    if (first === undefined) this.#completed(group);
    else void this.#completedAfter(group, first);
  }

  async #completedAfter(group: Group, first: Promise<boolean>): Promise<void> {
    try {
      if (!(await first)) return this.#idle?.();
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    if (!this.#failed) this.#completed(group);
  }

  /** The disk goes on with the next group before anyone is told of this one. */
  #completed(group: Group): void {
    this.#underWay = undefined;
    this.#begin();
    for (const done of group.done) done();
    this.#queue.recycle(group);
  }

  #prepareNext(): void {
    if (this.#offset > this.#segment.bytes * walLimits.prepareAt)
      this.#supply.prepare(this.#segment.number + 1);
  }
}
