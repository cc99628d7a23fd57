/**
 * What lies behind the last group that checks: zeros, as preallocated; or something, which is a group that was torn,
 * or damage. It is damage if a group is recognised in it that comes *after* the one that is broken.
 */
import { crc32 } from "node:zlib";
import type { WalFile } from "./files.ts";
import { getWide, groupAlignment, groupField, groupHeaderBytes, groupMagic, viewOf } from "./record.ts";

const chunkBytes = 1024 * 1024;
const zeros = new Uint8Array(chunkBytes);

export interface Rest {
  /** Where the last byte that is not zero ends; `undefined` if there is none. */
  readonly usedTo: number | undefined;
  /** Where a group with a sequence above `sequence` begins. */
  readonly laterGroup: number | undefined;
}

/** Look at [from, size); `sequence` is that of the group that should be at `from`. Changes nothing. */
export async function inspectRest(
  file: WalFile,
  size: number,
  from: number,
  sequence: number,
  seed: number,
): Promise<Rest> {
  const chunk = new Uint8Array(chunkBytes + groupHeaderBytes);
  let usedTo: number | undefined;
  let laterGroup: number | undefined;
  // Chunks overlap by a header, so that none is missed at a border.
  for (let at = from; at < size; at += chunkBytes) {
    const count = await file.pread(chunk, 0, Math.min(chunk.length, size - at), at);
    const bytes = chunk.subarray(0, Math.min(count, chunkBytes));
    if (Buffer.compare(bytes, zeros.subarray(0, bytes.length)) === 0) continue;
    let last = bytes.length - 1;
    while (bytes[last] === 0) last--;
    usedTo = at + last + 1;
    if (laterGroup === undefined) {
      const found = findGroup(chunk.subarray(0, count), at - from, sequence, seed);
      if (found !== undefined) laterGroup = at + found;
    }
  }
  return { usedTo, laterGroup };
}

/** Where in `bytes` a group's header is that checks by itself and whose sequence is later and plausible. */
function findGroup(bytes: Uint8Array, before: number, sequence: number, seed: number): number | undefined {
  const view = viewOf(bytes);
  for (let at = 0; at + groupHeaderBytes <= bytes.length; at += groupAlignment) {
    if (view.getUint32(at + groupField.magic, true) !== groupMagic) continue;
    const self = crc32(bytes.subarray(at + groupField.magic, at + groupHeaderBytes), seed);
    if (self !== view.getUint32(at + groupField.self, true)) continue;
    const ahead = getWide(view, at + groupField.sequence) - sequence;
    if (ahead > 0 && ahead * groupHeaderBytes <= before + at) return at;
  }
  return undefined;
}
