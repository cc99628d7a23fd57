/**
 * Segment files, made before they are needed.
 *
 * A file whose blocks are allocated and whose length stays the same costs an fdatasync nothing but its data, so
 * segments are filled with zeros and synced beforehand. The next one is prepared in the background while the present
 * one fills, in slices, each synced, so that a commit never waits behind a long flush. Until its first group comes
 * the next segment is all zeros; that group and the header go out in one write, so rolling costs nothing extra.
 *
 * So a write never needs room that the disk has not given already, and a full disk shows itself only here, where
 * nothing was promised yet.
 */
import { join } from "node:path";
import { assert } from "../../../base/assert.ts";
import { walLimits } from "./contract.ts";
import { synced, type WalFile, type WalFiles, written } from "./files.ts";
import {
  putSegmentHeader,
  seedOf,
  segmentHeaderBytes,
  segmentName,
  segmentNumber,
  viewOf,
  type WalIdentity,
} from "./record.ts";
import { fullDisk, isFull, type RoomWait } from "./room.ts";

/** A new cluster starts fast: sizes grow fourfold from this up to `segmentBytes`. */
export const firstSegmentBytes = 4 * 1024 * 1024;
export const defaultSegmentBytes = 64 * 1024 * 1024;

const sliceBytes = 1024 * 1024;
const zeros = new Uint8Array(sliceBytes);

function sizeOfSegment(number: number, segmentBytes: number): number {
  return Math.min(segmentBytes, firstSegmentBytes * 4 ** Math.min(number - 1, 8));
}

/** The numbers of the segments in a directory, ascending. */
export async function listSegments(files: WalFiles, dir: string): Promise<readonly number[]> {
  return (await files.list(dir))
    .map(segmentNumber)
    .filter((number) => number !== undefined)
    .sort((a, b) => a - b);
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

/**
 * Prepares one segment at a time and hands it over. On a full disk it gives back what it took, and tries again when
 * `wait` says so: nothing of the log stands in a segment that is not taken yet.
 */
export class SegmentSupply {
  readonly #files: WalFiles;
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #wait: RoomWait;
  readonly #failed: (error: Error) => void;
  readonly #fullChanged: () => void;
  #next: { readonly number: number; readonly segment: Promise<Segment | undefined> } | undefined;
  #full = false;
  #closed = false;

  /** `failed` hears at once of an error that is no full disk, `fullChanged` of every change of `full`. */
  constructor(
    files: WalFiles,
    dir: string,
    segmentBytes: number,
    wait: RoomWait,
    failed: (error: Error) => void,
    fullChanged: () => void,
  ) {
    this.#files = files;
    this.#dir = dir;
    this.#segmentBytes = segmentBytes;
    this.#wait = wait;
    this.#failed = failed;
    this.#fullChanged = fullChanged;
  }

  /** Whether the next segment could not be prepared, because the disk was full when it was last tried. */
  get full(): boolean {
    return this.#full;
  }

  /** Begin to prepare segment `number`, unless that was begun; if not, with room for `atLeast` bytes. */
  prepare(number: number, atLeast = 0): void {
    if (this.#next !== undefined || this.#closed) return;
    const segment = this.#make(number, Math.max(atLeast, sizeOfSegment(number, this.#segmentBytes)));
    segment.catch(this.#failed);
    this.#next = { number, segment };
  }

  /**
   * Segment `number` with room for `atLeast` bytes, when it is ready, however long the disk is full. `undefined` if
   * nobody waits for room any more.
   */
  async take(number: number, atLeast: number): Promise<Segment | undefined> {
    for (;;) {
      this.prepare(number, atLeast);
      const next = this.#next;
      assert(next?.number === number, () => `segment ${number} is not the one that is prepared`);
      const segment = await next.segment;
      this.#next = undefined;
      if (segment === undefined || segment.bytes >= atLeast) return segment;
      await segment.file.close();
    }
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

  async #make(number: number, bytes: number): Promise<Segment | undefined> {
    for (;;) {
      try {
        const segment = await this.#fill(number, bytes);
        this.#setFull(false);
        return segment;
      } catch (error) {
        if (!isFull(error)) throw error;
      }
      await this.#giveBack(number);
      this.#setFull(true);
      if (!(await this.#wait.wait())) return undefined;
    }
  }

  async #fill(number: number, bytesWanted: number): Promise<Segment> {
    const name = segmentName(number);
    const there = (await this.#files.list(this.#dir)).includes(name);
    const file = await this.#files.open(join(this.#dir, name), there ? "existing" : "new");
    try {
      const size = await file.size();
      const bytes = Math.max(size, bytesWanted);
      if (size < bytes) await this.#askForRoom(bytes - size);
      for (let at = size; at < bytes && !this.#closed; at += sliceBytes) {
        await writeZeros(file, at, Math.min(bytes, at + sliceBytes));
        await synced(file);
      }
      await file.fsync();
      await this.#files.syncDirectory(this.#dir);
      return { number, file, bytes };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Better than to fill the disk to its last byte, time and again, and have others fail meanwhile. */
  async #askForRoom(bytes: number): Promise<void> {
    const free = await this.#files.freeBytes(this.#dir);
    if (free < bytes + walLimits.sparedBytes) {
      throw fullDisk(`a segment needs ${bytes} bytes more, and ${free} are free`);
    }
  }

  /** Others may need the room meanwhile; and what a failed sync left in the file is not known. */
  async #giveBack(number: number): Promise<void> {
    await this.#files.remove(join(this.#dir, segmentName(number)));
    await this.#files.syncDirectory(this.#dir);
  }

  #setFull(full: boolean): void {
    if (this.#full === full) return;
    this.#full = full;
    this.#fullChanged();
  }
}
