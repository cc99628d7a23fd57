/**
 * Segment files, made before they are needed.
 *
 * A file whose blocks are allocated and whose length stays the same costs an fdatasync nothing but its data, so
 * segments are filled with zeros and synced beforehand. The next one is prepared in the background while the present
 * one fills, in slices, each synced, so that a commit never waits behind a long flush. Until its first group comes
 * the next segment is all zeros; that group and the header go out in one write, so rolling costs nothing extra.
 */
import { join } from "node:path";
import { assert } from "../../../base/assert.ts";
import { synced, type WalFile, type WalFiles, written } from "./files.ts";
import {
  putSegmentHeader,
  seedOf,
  segmentHeaderBytes,
  segmentName,
  viewOf,
  type WalIdentity,
} from "./record.ts";

/** A new cluster starts fast: sizes grow fourfold from this up to `segmentBytes`. */
export const firstSegmentBytes = 4 * 1024 * 1024;
export const defaultSegmentBytes = 64 * 1024 * 1024;

const sliceBytes = 1024 * 1024;
const zeros = new Uint8Array(sliceBytes);

function sizeOfSegment(number: number, segmentBytes: number): number {
  return Math.min(segmentBytes, firstSegmentBytes * 4 ** Math.min(number - 1, 8));
}

/** Write zeros over [from, to). */
export async function writeZeros(file: WalFile, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += sliceBytes) {
    await written(file, zeros.subarray(0, Math.min(sliceBytes, to - at)), at);
  }
}

/** The log's first segment, header and all, durable when it resolves. */
export async function createSegment(
  files: WalFiles,
  dir: string,
  number: number,
  bytes: number,
  identity: WalIdentity,
): Promise<WalFile> {
  const file = await files.open(join(dir, segmentName(number)), "new");
  const header = new Uint8Array(segmentHeaderBytes);
  putSegmentHeader(header, viewOf(header), identity, number, { sequence: 1, chain: seedOf(identity) });
  await writeZeros(file, 0, bytes);
  await written(file, header, 0);
  await file.fsync();
  await files.syncDirectory(dir);
  return file;
}

/** A segment that is ready to be written to. */
export interface Segment {
  readonly number: number;
  readonly file: WalFile;
  /** Its length: what fits without growing it. */
  readonly bytes: number;
}

/** Prepares one segment at a time and hands it over. */
export class SegmentSupply {
  readonly #files: WalFiles;
  readonly #dir: string;
  readonly #segmentBytes: number;
  #next: { readonly number: number; readonly segment: Promise<Segment> } | undefined;
  #closed = false;

  constructor(files: WalFiles, dir: string, segmentBytes: number) {
    this.#files = files;
    this.#dir = dir;
    this.#segmentBytes = segmentBytes;
  }

  /** Begin to prepare segment `number`, unless that was begun. `failed` hears of an error at once. */
  prepare(number: number, failed: (error: Error) => void): void {
    if (this.#next !== undefined || this.#closed) return;
    const segment = this.#make(number);
    segment.catch(failed);
    this.#next = { number, segment };
  }

  /** Segment `number`, when it is ready; `prepare` was called. */
  take(number: number): Promise<Segment> {
    const next = this.#next;
    assert(next?.number === number, () => `segment ${number} was not prepared`);
    this.#next = undefined;
    return next.segment;
  }

  /** What is half done stays so: the next start finishes it. */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      await (await this.#next?.segment)?.file.close();
    } catch {
      // Whoever asked for it was told; there is nothing left to close.
    }
    this.#next = undefined;
  }

  async #make(number: number): Promise<Segment> {
    const name = segmentName(number);
    const path = join(this.#dir, name);
    const there = (await this.#files.list(this.#dir)).includes(name);
    const file = await this.#files.open(path, there ? "existing" : "new");
    const size = await file.size();
    const bytes = Math.max(size, sizeOfSegment(number, this.#segmentBytes));
    for (let at = size; at < bytes && !this.#closed; at += sliceBytes) {
      await writeZeros(file, at, Math.min(bytes, at + sliceBytes));
      await synced(file);
    }
    await file.fsync();
    await this.#files.syncDirectory(this.#dir);
    return { number, file, bytes };
  }
}
