/**
 * A file's bytes on a disk that can crash: as the system's cache has them, and what is on the disk in the place of
 * each sector that was not synced since it was written.
 */
import type { Random } from "../../../base/random.ts";

/** Written wholly or not at all. */
const sectorBytes = 512;
/** What is kept for the next writes; more is given back. */
const beforeBytesKept = 16 * 1024;
/** In the place of an offset: zeros. */
const allZeros = -1;

export class CrashContent {
  #bytes = new Uint8Array(0);
  #length = 0;
  /** Sectors that were written since the last sync, and where in `#before` what is on the disk in their place is. */
  readonly #unsynced = new Map<number, number>();
  /** Used again and again, for a buffer of its own for each sector would be most of what a write costs. */
  #before = new Uint8Array(4 * sectorBytes);
  #beforeLength = 0;
  /** The same of sectors that the cache calls clean since a sync failed: only another write brings them to the disk. */
  readonly #forgotten = new Map<number, Uint8Array>();
  #syncedLength = 0;

  get length(): number {
    return this.#length;
  }

  /** A view, to look at and to damage. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Returns how many bytes there were. */
  read(into: Uint8Array, offset: number, length: number, position: number): number {
    const found = this.#bytes.subarray(position, Math.min(this.#length, position + length));
    into.set(found, offset);
    return found.length;
  }

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    // Beyond it nothing was ever written.
    const known = Math.ceil(this.#length / sectorBytes);
    if (end > this.#bytes.length) this.#grow(end);
    for (let sector = Math.floor(position / sectorBytes); sector * sectorBytes < end; sector++) {
      if (this.#unsynced.has(sector)) continue;
      this.#unsynced.set(sector, sector < known ? this.#keep(sector) : allZeros);
    }
    this.#bytes.set(bytes, position);
    if (end > this.#length) this.#length = end;
  }

  /** To whole sectors, so that one can be put back wherever the file ends. */
  #grow(needed: number): void {
    const wanted = Math.max(needed, this.#bytes.length * 2);
    const grown = new Uint8Array(Math.ceil(wanted / sectorBytes) * sectorBytes);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  /** What is on the disk in the place of a sector that is about to be written. */
  #keep(sector: number): number {
    const at = this.#beforeLength;
    this.#beforeLength += sectorBytes;
    if (this.#beforeLength > this.#before.length) {
      const grown = new Uint8Array(this.#before.length * 2);
      grown.set(this.#before);
      this.#before = grown;
    }
    const forgotten = this.#forgotten.size === 0 ? undefined : this.#forgotten.get(sector);
    const from = sector * sectorBytes;
    this.#before.set(forgotten ?? this.#bytes.subarray(from, from + sectorBytes), at);
    if (forgotten !== undefined) this.#forgotten.delete(sector);
    return at;
  }

  /** A view. */
  #kept(at: number): Uint8Array {
    return at === allZeros ? new Uint8Array(sectorBytes) : this.#before.subarray(at, at + sectorBytes);
  }

  #markSynced(): void {
    if (this.#unsynced.size > 0) this.#unsynced.clear();
    this.#beforeLength = 0;
    if (this.#before.length > beforeBytesKept) this.#before = new Uint8Array(beforeBytesKept);
  }

  sync(): void {
    this.#markSynced();
    this.#syncedLength = this.#length;
  }

  /** A sync failed: what was to be synced stands in the cache as clean, and no later sync writes it. */
  forget(): void {
    for (const [sector, at] of this.#unsynced) this.#forgotten.set(sector, this.#kept(at).slice());
    this.#markSynced();
  }

  /** Whether all of it is certainly on the disk. */
  isSynced(from: number, to: number): boolean {
    if (to > this.#syncedLength) return false;
    for (let sector = Math.floor(from / sectorBytes); sector * sectorBytes < to; sector++) {
      if (this.#unsynced.has(sector) || this.#forgotten.has(sector)) return false;
    }
    return true;
  }

  losePower(random: Random): void {
    for (const [sector, at] of this.#unsynced) {
      if (random() >= 0.5) this.#bytes.set(this.#kept(at), sector * sectorBytes);
    }
    for (const [sector, old] of this.#forgotten) {
      if (random() >= 0.5) this.#bytes.set(old, sector * sectorBytes);
    }
    if (random() < 0.5) this.#length = this.#syncedLength;
    this.#settle();
  }

  /** The file ends here now, on the disk too, and all that is left of it is synced. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
    this.#settle();
  }

  #settle(): void {
    this.#bytes.fill(0, this.#length);
    this.#forgotten.clear();
    this.sync();
  }
}
