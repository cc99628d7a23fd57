/**
 * The write-ahead log's files in memory, with the faults of a real disk: a power failure keeps any subset of the
 * sectors that were written and not synced, and any beginning of the directory changes that were not; a call can be
 * made to fail; the disk can be full; a process can die between any two calls. For tests and the simulator; the random
 * numbers are an argument, so a seed is a replay, and so is the time that a call takes.
 */
import { dirname } from "node:path";
import type { Random } from "../../../base/random.ts";
import { CrashContent } from "./crash-content.ts";
import type { Done, WalFile, WalFiles } from "./files.ts";
import { fullDisk } from "./room.ts";

export type Operation = keyof WalFiles | keyof WalFile;

/** Runs what it is given once, later, never within the call itself: then the call is carried out and answered. */
export type Answering = (operation: Operation, run: () => void) => void;

/** A change of names that a power failure may undo. */
interface NameChange {
  readonly directory: string;
  undo(): void;
}

const failed = (code: string, message: string): Error =>
  Object.assign(new Error(`${code}: ${message}`), { code });

export class CrashFiles implements WalFiles {
  readonly #random: Random;
  readonly #answering: Answering;
  readonly #names = new Map<string, CrashContent>();
  #unsynced: NameChange[] = [];
  /** Counts the process's lives: what an earlier one asked for is never answered. */
  #life = 1;
  /** What was asked for in this life and is not carried out yet. */
  readonly #underWay = new Set<() => unknown>();
  #callsLeft = Number.POSITIVE_INFINITY;
  #died: () => void = () => {};

  /** What the files may hold together: a write that needs more fails. */
  capacity = Number.POSITIVE_INFINITY;
  /** Whether `freeBytes` knows it; a quota, for one, it does not see. */
  tellsFree = true;
  /** No process is there to ask: a call is lost. */
  off = false;
  /** What a failed sync was to write is called clean all the same, as Linux does. */
  failedSyncForgets = false;

  /** Asked before every call is done: an error that it gives is the call's answer. It may also `die`. */
  fault: (operation: Operation) => Error | undefined = () => undefined;

  /** Unless told otherwise, a call is answered in the event loop's next turn. */
  constructor(random: Random, answering: Answering = (_operation, run) => void setImmediate(run)) {
    this.#random = random;
    this.#answering = answering;
  }

  /** The process dies after `calls` more calls; resolves when it has. */
  dieAfter(calls: number): Promise<void> {
    this.#callsLeft = calls;
    return new Promise((resolve) => {
      this.#died = resolve;
    });
  }

  /**
   * The process dies now, if it lives. What it wrote stays in the system's cache; of what it had under way, anything
   * may still be carried out.
   */
  die(): void {
    for (const act of this.#underWay) if (this.#random() < 0.5) carryOut(act);
    this.#underWay.clear();
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

  /** Of all files, in no particular order. */
  get paths(): string[] {
    return [...this.#names.keys()];
  }

  #content(path: string): CrashContent {
    const content = this.#names.get(path);
    if (content === undefined) throw failed("ENOENT", `there is no file ${path}`);
    return content;
  }

  /** A file's bytes, to look at and to damage. */
  bytes(path: string): Uint8Array {
    return this.#content(path).bytes;
  }

  /** Whether [from, to) of the file is certainly on the disk. */
  isSynced(path: string, from: number, to: number): boolean {
    return this.#content(path).isSynced(from, to);
  }

  /** The file is cut off, for good. */
  truncate(path: string, length: number): void {
    this.#content(path).truncate(length);
  }

  /** The file, or all that is below the directory, is gone for good. */
  wipe(path: string): void {
    const isBelow = (name: string): boolean => name === path || name.startsWith(`${path}/`);
    // What was changed in it and not synced cannot come back.
    this.#unsynced = this.#unsynced.filter(({ directory }) => directory !== path && !isBelow(directory));
    for (const name of this.#names.keys()) if (isBelow(name)) this.#names.delete(name);
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const content of this.#names.values()) bytes += content.length;
    return bytes;
  }

  /** Every file's bytes, copied. */
  image(): Map<string, Uint8Array> {
    return new Map([...this.#names].map(([path, content]) => [path, content.bytes.slice()]));
  }

  /** Make the files those of an `image`, all of it synced. */
  restore(image: ReadonlyMap<string, Uint8Array>): void {
    this.#names.clear();
    this.#unsynced = [];
    for (const [path, bytes] of image) {
      const content = new CrashContent();
      content.write(bytes, 0);
      content.sync();
      this.#names.set(path, content);
    }
  }

  /**
   * Do it and answer later, unless the process dies: before it is done, after, or before the answer. A dead
   * process's calls do nothing and are never answered. `content` is what a sync is of.
   */
  #start<T>(
    life: number,
    operation: Operation,
    act: () => T,
    done: (error: Error | null, value?: T) => void,
    content?: CrashContent,
  ): void {
    if (life !== this.#life || this.off) return;
    this.#underWay.add(act);
    if (this.#callsLeft-- <= 0) {
      this.die();
      return;
    }
    this.#answering(operation, () => {
      if (life !== this.#life) return;
      this.#underWay.delete(act);
      const error = this.fault(operation);
      if (life !== this.#life) return;
      if (error !== undefined) {
        if (this.failedSyncForgets) content?.forget();
        return done(error);
      }
      let value: T;
      try {
        value = act();
      } catch (failure) {
        return done(failure as Error);
      }
      done(null, value);
    });
  }

  #call<T>(life: number, operation: Operation, act: () => T, content?: CrashContent): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, value?: T): void =>
        error === null ? resolve(value as T) : reject(error);
      this.#start(life, operation, act, done, content);
    });
  }

  #change(path: string, content: CrashContent | undefined): NameChange {
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

  makeDirectory(_path: string): Promise<void> {
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
      if (there !== undefined && how === "new") throw failed("EEXIST", `${path} exists`);
      if (there === undefined && how === "existing") throw failed("ENOENT", `${path} does not exist`);
      const content = there ?? new CrashContent();
      if (there === undefined) this.#unsynced.push(this.#change(path, content));
      return this.#file(life, content);
    });
  }

  #file(life: number, content: CrashContent): WalFile {
    const write = (bytes: Uint8Array, position: number): void => {
      const more = position + bytes.length - content.length;
      if (more > 0 && this.capacity !== Number.POSITIVE_INFINITY && this.usedBytes + more > this.capacity) {
        throw fullDisk("the disk is full");
      }
      content.write(bytes, position);
    };
    return {
      pwrite: (bytes: Uint8Array, offset: number, length: number, position: number, done: Done) => {
        const part = bytes.subarray(offset, offset + length);
        this.#start(life, "pwrite", () => write(part, position), done);
      },
      fdatasync: (done: Done) => this.#start(life, "fdatasync", () => content.sync(), done, content),
      pread: (into, offset, length, position) =>
        this.#call(life, "pread", () => content.read(into, offset, length, position)),
      size: () => this.#call(life, "size", () => content.length),
      fsync: () => this.#call(life, "fsync", () => content.sync(), content),
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

/** What fails now would have failed later, unheard. */
function carryOut(act: () => unknown): void {
  try {
    act();
  } catch {
    // Its process is dead.
  }
}
