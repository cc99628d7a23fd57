/**
 * The bytes of a segment: one header, then groups, then zeros.
 *
 * A *group* is what one write and one fdatasync made durable: a run of entries and the hard state as it then was. It
 * is the unit of checking, because it is the unit of tearing: the next group is written only when this one is
 * synced, so a crash can leave at most one that does not check, and a group that is recognised *behind* one that
 * does not check proves that what is broken had been durable. For this every group has two checksums: `chain`, over
 * all its bytes and beginning with the previous group's chain, so that a valid group vouches for all before it; and
 * `self`, over the header only, by which it is known as a group when the chain before it is broken.
 *
 * Little-endian; wide numbers are 8 bytes, of which 53 bits are used.
 *
 *     segment header (64)                  group header (48)              entry
 *      0 u32 crc of 4…64                    0 u32 chain of 4…end           0 u32 payload's length
 *      4 u32 magic                          4 u32 self of 8…48               (highest bit: membership)
 *      8 u32 version                        8 u32 magic                    4 u64 term
 *     12 u32 replica                       12 u32 length behind header    12 payload
 *     16 hash of the cluster's name (16)   16 u64 sequence
 *     32 u64 segment number                24 u64 first index
 *     40 u64 first group's sequence        32 u32 entries
 *     48 u32 chain before the first group  36 u32 voted for + 1, 0 for none
 *                                          40 u64 hard state's term
 */
import { crc32 } from "node:zlib";
import { hash128 } from "../../../base/hash128.ts";
import type { ReplicaId } from "../../../base/units.ts";

/** Whose log it is: a directory of one is never opened as another's. */
export interface WalIdentity {
  readonly cluster: string;
  readonly replica: ReplicaId;
}

export const formatVersion = 2;
export const segmentHeaderBytes = 64;
export const groupHeaderBytes = 48;
export const entryHeaderBytes = 12;
/** Groups begin at multiples of this, which makes looking for one quick. */
export const groupAlignment = 8;
/** In an entry's length: the payload says who the members are. */
export const membershipBit = 0x8000_0000;

/** "BZG1" and "BZS1" as they lie in the file. */
export const groupMagic = 0x3147_5a42;
const segmentMagic = 0x3153_5a42;

/** Where in a group's header its fields are. */
export const groupField = {
  chain: 0,
  self: 4,
  magic: 8,
  length: 12,
  sequence: 16,
  firstIndex: 24,
  entries: 32,
  votedFor: 36,
  term: 40,
} as const;

const wide = 2 ** 32;

export function setWide(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / wide), true);
}

export function getWide(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * wide;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Where checksums of this log begin. Bytes of another log, or bytes that a client sent to look like a group, do not
 * check unless their maker knew the cluster's name.
 */
export function seedOf(identity: WalIdentity): number {
  return crc32(`${identity.cluster}/${identity.replica}`);
}

export function segmentName(number: number): string {
  return `segment-${String(number).padStart(8, "0")}.wal`;
}

/** `undefined` if the file is no segment. */
export function segmentNumber(name: string): number | undefined {
  const digits = /^segment-(\d{8,15})\.wal$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Where the chain stands: the sequence that the next group has, and what its checksum begins with. */
export interface ChainPoint {
  readonly sequence: number;
  readonly chain: number;
}

/** Fill the first 64 bytes of `bytes`. */
export function putSegmentHeader(
  bytes: Uint8Array,
  view: DataView,
  identity: WalIdentity,
  number: number,
  from: ChainPoint,
): void {
  bytes.fill(0, 0, segmentHeaderBytes);
  view.setUint32(4, segmentMagic, true);
  view.setUint32(8, formatVersion, true);
  view.setUint32(12, identity.replica, true);
  hash128(new TextEncoder().encode(identity.cluster)).forEach((word, i) => {
    view.setUint32(16 + 4 * i, word, true);
  });
  setWide(view, 32, number);
  setWide(view, 40, from.sequence);
  view.setUint32(48, from.chain, true);
  view.setUint32(0, crc32(bytes.subarray(4, segmentHeaderBytes)), true);
}

/** What a segment's header says; `undefined` if it is not the header of this log's segment `number`. */
export function readSegmentHeader(
  bytes: Uint8Array,
  identity: WalIdentity,
  number: number,
): ChainPoint | undefined {
  const view = viewOf(bytes);
  const point = { sequence: getWide(view, 40), chain: view.getUint32(48, true) };
  const expected = new Uint8Array(segmentHeaderBytes);
  putSegmentHeader(expected, viewOf(expected), identity, number, point);
  return Buffer.compare(bytes.subarray(0, segmentHeaderBytes), expected) === 0 ? point : undefined;
}
