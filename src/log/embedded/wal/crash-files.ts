/**
 * The write-ahead log's files in memory, with the faults of a real disk: a power failure keeps any subset of the
 * sectors that were written and not synced, and any beginning of the directory changes that were not; a call can be
 * made to fail; the disk can be full; a process can die between any two calls. For tests and the simulator; the random numbers are an
 * argument, so a seed is a replay.
 */
import { dirname } from "node:path";
import type { Random } from "../../../base/random.ts";
import type { Done, WalFile, WalFiles } from "./files.ts";
import { fullDisk } from "./room.ts";

const sectorBytes = 512;

class Content {
  bytes = new Uint8Array(0);
  length = 0;
  /** What is on the disk in the place of sectors that were written since the last sync. */
  readonly unsynced = new Map<number, Uint8Array>();
  syncedLength = 0;

  write(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    for (let sector = Math.floor(position / sectorBytes); sector * sectorBytes < end; sector++) {
      if (this.unsynced.has(sector)) continue;
      const old = new Uint8Array(sectorBytes);
      old.set(this.bytes.subarray(sector * sectorBytes, (sector + 1) * sectorBytes));
      this.unsynced.set(sector, old);
    }
    this.bytes.set(bytes, position);
    this.length = Math.max(this.length, end);
  }

  sync(): void {
    this.unsynced.clear();
    this.syncedLength = this.length;
  }

  losePower(random: Random): void {
    for (const [sector, old] of this.unsynced) {
      if (random() < 0.5) continue;
      const at = sector * sectorBytes;
      this.bytes.set(old.subarray(0, Math.min(sectorBytes, this.bytes.length - at)), at);
    }
    if (random() < 0.5) this.length = this.syncedLength;
    this.bytes.fill(0, this.length);
    this.sync();
  }
}

type Operation = keyof WalFiles | keyof WalFile;

/** A change of names that a power failure may undo. */
interface NameChange {
  readonly directory: string;
  undo(): void;
}

export class CrashFiles implements WalFiles {
  readonly #random: Random;
  readonly #names = new Map<string, Content>();
  #unsynced: NameChange[] = [];
  /** Counts the process's lives: what an earlier one asked for is never answered. */
  #life = 1;
  #callsLeft = Number.POSITIVE_INFINITY;
  #died: () => void = () => {};

  /** What the files may hold together: a write that needs more fails. */
  capacity = Number.POSITIVE_INFINITY;
  /** Whether `freeBytes` knows it; a quota, for one, it does not see. */
  tellsFree = true;

  /** Asked before every call is done: an error that it gives is the call's answer. It may also `die`. */
  fault: (operation: Operation) => Error | undefined = () => undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The process dies after `calls` more calls; resolves when it has. */
  dieAfter(calls: number): Promise<void> {
    this.#callsLeft = calls;
    return new Promise((resolve) => {
      this.#died = resolve;
    });
  }

  /** The process dies now, if it lives. What it wrote stays in the system's cache. */
  die(): void {
    this.#life++;
    this.#callsLeft = Number.POSITIVE_INFINITY;
    this.#died();
  }

  /** The process dies and the system with it. */
  losePower(): void {
    this.die();
    const kept = Math.floor(this.#random() * (this.#unsynced.length + 1));
    for (const change of this.#unsynced.slice(kept).reverse()) change.undo();
    this.#unsynced = [];
    for (const content of this.#names.values()) content.losePower(this.#random);
  }

  /** A file's bytes, to look at and to damage. */
  bytes(path: string): Uint8Array {
    const content = this.#names.get(path);
    if (content === undefined) throw new Error(`no file ${path}`);
    return content.bytes.subarray(0, content.length);
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const content of this.#names.values()) bytes += content.length;
    return bytes;
  }

  /** Every file's bytes, copied. */
  image(): Map<string, Uint8Array> {
    return new Map([...this.#names].map(([path, content]) => [path, content.bytes.slice(0, content.length)]));
  }

  /** Make the files those of an `image`, all of it synced. */
  restore(image: ReadonlyMap<string, Uint8Array>): void {
    this.#names.clear();
    this.#unsynced = [];
    for (const [path, bytes] of image) {
      const content = new Content();
      content.write(bytes, 0);
      content.sync();
      this.#names.set(path, content);
    }
  }

  /**
   * Do it and answer later, unless the process dies: before it is done, after, or before the answer. A dead
   * process's calls do nothing and are never answered.
   */
  #call<T>(life: number, operation: Operation, act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (life !== this.#life) return;
      if (this.#callsLeft-- <= 0) {
        if (this.#random() < 0.5) act();
        this.die();
        return;
      }
      setImmediate(() => {
        if (life !== this.#life) return;
        const error = this.fault(operation);
        if (life !== this.#life) return;
        if (error !== undefined) return reject(error);
        try {
          resolve(act());
        } catch (failure) {
          reject(failure);
        }
      });
    });
  }

  #change(path: string, content: Content | undefined): NameChange {
    const before = this.#names.get(path);
    if (content === undefined) this.#names.delete(path);
    else this.#names.set(path, content);
    return {
      directory: dirname(path),
      undo: () => {
        if (before === undefined) this.#names.delete(path);
        else this.#names.set(path, before);
      },
    };
  }

  makeDirectory(): Promise<void> {
    return this.#call(this.#life, "makeDirectory", () => {});
  }

  list(path: string): Promise<readonly string[]> {
    return this.#call(this.#life, "list", () => {
      const below = [...this.#names.keys()].filter((name) => name.startsWith(`${path}/`));
      return [...new Set(below.map((name) => name.slice(path.length + 1).split("/", 1)[0] ?? ""))];
    });
  }

  open(path: string, how: "existing" | "new"): Promise<WalFile> {
    const life = this.#life;
    return this.#call(life, "open", () => {
      const there = this.#names.get(path);
      if (there !== undefined && how === "new") throw new Error(`${path} exists`);
      if (there === undefined && how === "existing") throw new Error(`${path} does not exist`);
      const content = there ?? new Content();
      if (there === undefined) this.#unsynced.push(this.#change(path, content));
      return this.#file(life, content);
    });
  }

  #file(life: number, content: Content): WalFile {
    const answer = (call: Promise<void>, done: Done): void => {
      call.then(
        () => done(null),
        (error: Error) => done(error),
      );
    };
    return {
      pwrite: (bytes, offset, length, position, done) =>
        answer(
          this.#call(life, "pwrite", () => {
            const more = Math.max(0, position + length - content.length);
            if (more > 0 && this.usedBytes + more > this.capacity) throw fullDisk("the disk is full");
            content.write(bytes.subarray(offset, offset + length), position);
          }),
          done,
        ),
      fdatasync: (done) =>
        answer(
          this.#call(life, "fdatasync", () => content.sync()),
          done,
        ),
      pread: (into, offset, length, position) =>
        this.#call(life, "pread", () => {
          const found = content.bytes.subarray(position, Math.min(content.length, position + length));
          into.set(found, offset);
          return found.length;
        }),
      size: () => this.#call(life, "size", () => content.length),
      fsync: () => this.#call(life, "fsync", () => content.sync()),
      close: () => this.#call(life, "close", () => {}),
    };
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call(this.#life, "rename", () => {
      const moved = [...this.#names].filter(([name]) => name === from || name.startsWith(`${from}/`));
      const parts = moved.flatMap(([name, content]) => [
        this.#change(name, undefined),
        this.#change(to + name.slice(from.length), content),
      ]);
      // To keep it simple, what was changed in a directory that is renamed is certain.
      this.#unsynced = this.#unsynced.filter((change) => change.directory !== from);
      this.#unsynced.push({
        directory: dirname(to),
        undo: () => {
          for (const part of parts.reverse()) part.undo();
        },
      });
    });
  }

  remove(path: string): Promise<void> {
    return this.#call(this.#life, "remove", () => {
      this.#unsynced.push(this.#change(path, undefined));
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#call(this.#life, "syncDirectory", () => {
      this.#unsynced = this.#unsynced.filter((change) => change.directory !== path);
    });
  }

  freeBytes(): Promise<number> {
    return this.#call(this.#life, "freeBytes", () =>
      this.tellsFree ? Math.max(0, this.capacity - this.usedBytes) : Number.POSITIVE_INFINITY,
    );
  }
}
