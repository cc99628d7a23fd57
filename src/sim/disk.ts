/**
 * One machine's disk: the files of the write-ahead log (the same as in that log's own tests, wal/crash-files.ts, but
 * answered after a drawn virtual time) and the store's file, with what can happen to them.
 *
 * A disk serves one process at a time. Whoever ends that process says how, by `die` or `losePower`, and then begins the next one's
 * life by `start`; in between nothing that is asked for is done.
 */
import { assert } from "../base/assert.ts";
import { integerBetween, type Random } from "../base/random.ts";
import { CrashFiles, type Operation } from "../log/embedded/wal/crash-files.ts";
import type { WalFiles } from "../log/embedded/wal/files.ts";
import { type After, type DiskLatency, DiskTimes } from "./disk-times.ts";
import { type GroupPlace, groupsOf, segmentPaths } from "./log-damage.ts";
import { SimStoreFile } from "./store-file.ts";

export type { Operation } from "../log/embedded/wal/crash-files.ts";

export interface SimDiskOptions {
  readonly random: Random;
  /** Runs in the process's own turn, unless its life is over by then. */
  readonly after: After;
  /** Runs whatever becomes of the process; `after` if not given, which will do if that never drops anything. */
  readonly worldAfter?: After;
}

/** One bit of a group that was durable. */
export interface FlippedBit extends GroupPlace {
  /** Of the byte that was changed. */
  readonly at: number;
}

export interface TruncatedLog {
  readonly path: string;
  readonly from: number;
  readonly to: number;
}

const syncs: ReadonlySet<Operation> = new Set<Operation>(["fdatasync", "fsync", "syncDirectory"]);

export class SimDisk {
  readonly #random: Random;
  readonly #times: DiskTimes;
  readonly #files: CrashFiles;
  /** By directory. */
  readonly #stores = new Map<string, SimStoreFile>();
  readonly #failing: Operation[] = [];
  #isFull = false;

  constructor({ random, after, worldAfter = after }: SimDiskOptions) {
    this.#random = random;
    this.#times = new DiskTimes(random, after, worldAfter);
    this.#files = new CrashFiles(random, (operation, run) =>
      syncs.has(operation) ? this.#times.sync(run) : this.#times.quick(run),
    );
    this.#files.failedSyncForgets = true;
    this.#files.fault = (operation) => (this.#failing.length === 0 ? undefined : this.#fail(operation));
  }

  get files(): WalFiles {
    return this.#files;
  }

  /** What the disk takes for everything; its members may be set at any time. */
  get latency(): DiskLatency {
    return this.#times.latency;
  }

  /** The store's file in `dir`; it is empty if there is none yet. */
  store(dir: string): SimStoreFile {
    let file = this.#stores.get(dir);
    if (file === undefined) {
      file = new SimStoreFile(dir, this.#random, this.#times);
      file.full = this.#isFull;
      this.#stores.set(dir, file);
    }
    return file;
  }

  /** The process's life is over: what it wrote survives, synced or not, and nothing that it asked for is answered. */
  die(): void {
    this.#end();
    this.#files.die();
  }

  /** The machine fails: what was not synced is kept or lost, each sector and each change of names by itself. */
  losePower(): void {
    this.#end();
    this.#files.losePower();
  }

  #end(): void {
    this.#failing.length = 0;
    for (const file of this.#stores.values()) file.die();
    this.#times.forget();
    this.#files.off = true;
  }

  /** The next process's life begins. */
  start(): void {
    this.#files.off = false;
    for (const file of this.#stores.values()) file.start();
  }

  /** Nothing is answered for so long; what is asked for meanwhile is answered afterwards. */
  hang(ms: number): void {
    this.#times.hang(ms);
  }

  /** Everything takes so many times as long from here on; 1 is the disk as it was. */
  slow(factor: number): void {
    assert(factor > 0, "a disk takes some time");
    this.#times.factor = factor;
  }

  /**
   * The next such call in this life fails with EIO and has no effect. After a sync that failed the system says of what
   * was to be synced that it is on the disk, and it is not, until it is written again.
   */
  failNext(operation: Operation): void {
    this.#failing.push(operation);
  }

  #fail(operation: Operation): Error | undefined {
    const at = this.#failing.indexOf(operation);
    if (at < 0) return undefined;
    this.#failing.splice(at, 1);
    return Object.assign(new Error(`EIO: i/o error, ${operation}`), { code: "EIO", syscall: operation });
  }

  /** The log's files may take so many bytes more; `Infinity`: as many as they like. The stores' own: `SimStoreFile.full`. */
  setFreeBytes(bytes: number): void {
    this.#files.capacity = this.#files.usedBytes + bytes;
  }

  /** Nothing more has room, in the log's files or the stores'; or everything has. */
  setFull(full: boolean): void {
    this.#isFull = full;
    this.setFreeBytes(full ? 0 : Number.POSITIVE_INFINITY);
    for (const file of this.#stores.values()) file.full = full;
  }

  get usedBytes(): number {
    return this.#files.usedBytes;
  }

  /** The entry behind which the log in `dir` begins. */
  logBase(dir: string): number {
    const path = `${dir}/base.json`;
    if (!this.#files.paths.includes(path)) return 0;
    const [record = "{}"] = new TextDecoder().decode(this.#files.bytes(path)).split("\n");
    const { index = 0 } = JSON.parse(record) as { readonly index?: number };
    return index;
  }

  /** All segments' groups, the oldest first. */
  #groups(): GroupPlace[] {
    return segmentPaths(this.#files.paths).flatMap((path) => groupsOf(path, this.#files.bytes(path)));
  }

  /**
   * A bit of a synced group changes: of the last one, which a start must take for a torn tail, or of any before it, which
   * is damage. `undefined`, and nothing happened, if there is no such group.
   */
  flipBit(where: "last-record" | "middle"): FlippedBit | undefined {
    const groups = this.#groups();
    const last = groups.pop();
    const all = where === "middle" ? groups : last === undefined ? [] : [last];
    const synced = all.filter(({ path, offset, end }) => this.#files.isSynced(path, offset, end));
    // As often near the end, in what may not be applied yet, as anywhere.
    const choice = this.#random() < 0.5 ? synced : synced.slice(-5);
    const group = choice[Math.floor(this.#random() * choice.length)];
    if (group === undefined) return undefined;
    const at = integerBetween(this.#random, group.offset, group.end - 1);
    const bytes = this.#files.bytes(group.path);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << integerBetween(this.#random, 0, 7));
    return { ...group, at };
  }

  /**
   * The newest segment that has groups ends so many bytes before its last group does, at most at its beginning.
   * `undefined`, and nothing happened, if there is none.
   */
  truncate(bytes: number): TruncatedLog | undefined {
    const last = this.#groups().at(-1);
    if (last === undefined) return undefined;
    const to = Math.max(0, last.end - bytes);
    this.#files.truncate(last.path, to);
    return { path: last.path, from: last.end, to };
  }

  /** All that is below the directory is gone, stores too; everything, if none is named. */
  wipe(directory = ""): void {
    this.#files.wipe(directory);
    for (const [dir, file] of this.#stores) {
      if (dir === directory || `${dir}/`.startsWith(`${directory}/`)) file.lose();
    }
  }
}
