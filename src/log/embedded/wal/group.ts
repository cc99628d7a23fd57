/**
 * A group while it collects: writes are encoded as they come, straight into the bytes that go to the disk, so that
 * nothing is kept but the callbacks. Room for a segment's header is left in front, so that the first group of a
 * segment and the header are one write.
 */
import { crc32 } from "node:zlib";
import { assert } from "../../../base/assert.ts";
import { type LogIndex, logIndex, term } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import type { LogBase } from "../../../raft/log-view.ts";
import type { Entry } from "../../../raft/message.ts";
import {
  type ChainPoint,
  entryHeaderBytes,
  groupAlignment,
  groupField,
  groupHeaderBytes,
  groupMagic,
  membershipBit,
  putSegmentHeader,
  segmentHeaderBytes,
  setWide,
  type WalIdentity,
} from "./record.ts";

const start = segmentHeaderBytes;
const initialBytes = 64 * 1024;

export class Group {
  #bytes = new Uint8Array(initialBytes);
  #view = new DataView(this.#bytes.buffer);
  #length = start + groupHeaderBytes;
  /** The first entry's index; meaningless while `entries` is 0. */
  first: LogIndex = logIndex(0);
  entries = 0;
  /** It takes no further write. */
  closed = false;
  /** The last group of a reset: once it is durable, the log is emptied behind this. */
  base: LogBase | undefined;
  /** As of the last write that was added. */
  hardState: HardState = { term: term(0), votedFor: undefined };
  /** Called in this order when the group is durable. */
  readonly done: (() => void)[] = [];

  /** What the group is on the disk, without a segment's header. */
  get length(): number {
    return this.#length - start;
  }

  /** What its buffer holds on to. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** The index behind the last entry's. */
  get end(): LogIndex {
    return logIndex(this.first + this.entries);
  }

  /** `done` is called when the group is durable. */
  add(entries: readonly Entry[], done?: () => void): void {
    if (done !== undefined) this.done.push(done);
    const head = entries[0];
    if (head === undefined) return;
    if (this.entries === 0) this.first = head.index;
    let needed = 0;
    for (const entry of entries) needed += entryHeaderBytes + entry.payload.length;
    this.#reserve(needed);
    let at = this.#length;
    for (const entry of entries) {
      assert(entry.index === this.first + this.entries, "the entries of a write have neighbouring indexes");
      const membership = entry.kind === "membership" ? membershipBit : 0;
      this.#view.setUint32(at, entry.payload.length + membership, true);
      setWide(this.#view, at + 4, entry.term);
      this.#bytes.set(entry.payload, at + entryHeaderBytes);
      at += entryHeaderBytes + entry.payload.length;
      this.entries++;
    }
    this.#length = at;
  }

  /** Nothing is added afterwards. Fills in the header; returns the chain behind this group. */
  seal(from: ChainPoint, seed: number): number {
    const { hardState } = this;
    const padded = Math.ceil(this.#length / groupAlignment) * groupAlignment;
    this.#reserve(padded - this.#length);
    this.#bytes.fill(0, this.#length, padded);
    this.#length = padded;
    const view = this.#view;
    view.setUint32(start + groupField.magic, groupMagic, true);
    view.setUint32(start + groupField.length, padded - start - groupHeaderBytes, true);
    setWide(view, start + groupField.sequence, from.sequence);
    setWide(view, start + groupField.firstIndex, this.entries === 0 ? 0 : this.first);
    view.setUint32(start + groupField.entries, this.entries, true);
    view.setUint32(
      start + groupField.votedFor,
      hardState.votedFor === undefined ? 0 : hardState.votedFor + 1,
      true,
    );
    setWide(view, start + groupField.term, hardState.term);
    const self = crc32(this.#bytes.subarray(start + groupField.magic, start + groupHeaderBytes), seed);
    view.setUint32(start + groupField.self, self, true);
    const chain = crc32(this.#bytes.subarray(start + groupField.self, padded), from.chain);
    view.setUint32(start + groupField.chain, chain, true);
    return chain;
  }

  /** What goes to the disk, with the header in front if the group is the first of its segment. */
  image(
    segment:
      | { readonly identity: WalIdentity; readonly number: number; readonly from: ChainPoint }
      | undefined,
  ): {
    readonly bytes: Uint8Array;
    readonly offset: number;
    readonly length: number;
  } {
    if (segment === undefined) return { bytes: this.#bytes, offset: start, length: this.length };
    putSegmentHeader(this.#bytes, this.#view, segment.identity, segment.number, segment.from);
    return { bytes: this.#bytes, offset: 0, length: this.#length };
  }

  /** Empty again, to collect anew. */
  reset(): void {
    this.#length = start + groupHeaderBytes;
    this.entries = 0;
    this.closed = false;
    this.base = undefined;
    this.done.length = 0;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
