/**
 * A replica's rows in one SQLite file.
 *
 * A writer's thread writes groups of entries, one transaction each; while one is under way the next collects. The
 * store is off the answer path and the log holds everything, so nothing is gained by writing at once: short rests
 * between transactions let rows that are soon forgotten never be written, and keep the disk free for the log. Until a
 * group is durable, its rows are in the *tail* and reads find them there. A reader's thread has a connection of its
 * own, so no read waits for a transaction or an fsync.
 *
 * A group leaves the tail only when its transaction is durable, and a read looks into the tail before it asks the
 * reader, in the same turn: whatever was appended before the call is in one or the other.
 */
import { join } from "node:path";
import { assert, present } from "../../base/assert.ts";
import type { OperatingFailure } from "../../base/failure.ts";
import type { Hash128 } from "../../base/hash128.ts";
import type { LogIndex, OrderNumber } from "../../base/units.ts";
import type { Answer, OrderRow, Rows } from "../../market/rows.ts";
import { matchesFilter } from "../filter.ts";
import type { Digest, OrderFilter, Store, Stored } from "../port.ts";
import { putHash } from "./columns.ts";
import type { Identity } from "./database.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { addEntry, emptyGroup, findAnswer, findOrder, type Group, orderAt, sealGroup } from "./group.ts";
import { ReadThread } from "./read-thread.ts";
import { WriteThread } from "./write-thread.ts";

export interface SqliteStoreOptions {
  /** The replica's own directory; it is made if missing, and locked while the store is open. */
  readonly dir: string;
  readonly identity: Identity;
  /** The cluster is being created: a file that has a state already is refused. */
  readonly create: boolean;
  /** The disk or a thread failed. Nothing will become durable any more: the process must stop. Called once. */
  readonly onFatal: (failure: OperatingFailure) => void;
}

/** Weights, see `Group`: about two for an order of one line. */
const limits = {
  /** A transaction is closed at this size, so that none takes longer than some tens of milliseconds. */
  group: 20_000,
  /** Not yet durable; above it `room` does not resolve. */
  tail: 100_000,
} as const;

/** Between the end of a transaction and the start of the next, unless a group is full or someone waits for it. */
const restMs = 200;

/**
 * Open the file `orders.sqlite` in `dir`, or make an empty one: the log refills it. Throws
 * `OperatingFailure("wrong-data")` if the directory is in use, or the file damaged or not this replica's.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const lock = lockDirectory(options.dir);
  try {
    const file = join(options.dir, "orders.sqlite");
    const { identity, create } = options;
    const { thread, index } = await WriteThread.open({ file, identity, create });
    return new SqliteStore(file, thread, index, lock, options.onFatal);
  } catch (error) {
    lock.release();
    throw error;
  }
}

interface Waiting {
  readonly index: LogIndex;
  readonly resolve: () => void;
  readonly reject: (failure: OperatingFailure) => void;
}

class SqliteStore implements Store {
  readonly #file: string;
  readonly #writer: WriteThread;
  readonly #reader: ReadThread;
  /** Applying entries waits for answers of keys: they have a thread of their own, so that no query is before them. */
  #keyReader: ReadThread | undefined;
  readonly #lock: DirectoryLock;
  readonly #onFatal: (failure: OperatingFailure) => void;

  /** Oldest first. The first one may be under way; the last one collects. */
  readonly #tail: Group[] = [emptyGroup()];
  #tailWeight = 0;
  #writing = false;
  #appended: LogIndex;
  #flushed: LogIndex;

  /** Ascending by index. */
  #flushes: Waiting[] = [];
  #rooms: Waiting[] = [];
  #rest: NodeJS.Timeout | undefined;
  #restedAt = Number.NEGATIVE_INFINITY;
  #failure: OperatingFailure | undefined;

  constructor(
    file: string,
    writer: WriteThread,
    index: LogIndex,
    lock: DirectoryLock,
    onFatal: (failure: OperatingFailure) => void,
  ) {
    this.#file = file;
    this.#writer = writer;
    this.#lock = lock;
    this.#onFatal = onFatal;
    this.#appended = index;
    this.#flushed = index;
    this.#reader = new ReadThread(file, (failure) => this.#fail(failure));
    writer.listen({ written: () => this.#written(), failed: (failure) => this.#fail(failure) });
  }

  get flushed(): LogIndex {
    return this.#flushed;
  }

  async load(): Promise<Stored> {
    await this.flush();
    return this.#reader.request<"load">({ kind: "load" });
  }

  append(index: LogIndex, rows: Rows): void {
    assert(index > this.#appended, () => `the store is at ${this.#appended}, the entry at ${index}`);
    if (this.#failure !== undefined) throw this.#failure;
    this.#appended = index;
    let group = this.#collecting();
    if (group.weight >= limits.group) {
      group = emptyGroup();
      this.#tail.push(group);
    }
    const before = group.weight;
    addEntry(group, index, rows);
    this.#tailWeight += group.weight - before;
    this.#proceed();
  }

  #collecting(): Group {
    return present(this.#tail.at(-1), "the group that collects");
  }

  /** Start the next transaction, now or after the rest, if there is anything to write. */
  #proceed(): void {
    const group = present(this.#tail[0], "the oldest group");
    if (this.#writing || this.#failure !== undefined || group.last === undefined) return;
    const full = this.#tail.length > 1 || group.weight >= limits.group;
    const urgent = full || this.#flushes.length > 0;
    if (!urgent && this.#rest !== undefined) return;
    const restMsLeft = urgent ? 0 : this.#restedAt - performance.now();
    if (restMsLeft > 0) {
      this.#rest = setTimeout(() => {
        this.#rest = undefined;
        this.#restedAt = Number.NEGATIVE_INFINITY;
        this.#proceed();
      }, restMsLeft);
      return;
    }
    clearTimeout(this.#rest);
    this.#rest = undefined;
    this.#write(group, group.last);
  }

  #write(group: Group, last: LogIndex): void {
    this.#writing = true;
    if (this.#tail.length === 1) this.#tail.push(emptyGroup());
    const [message, transfer] = sealGroup(group, last, present(group.counters, "the group's counters"));
    this.#writer.write(message, transfer);
  }

  #written(): void {
    const group = present(this.#tail.shift(), "the group that was written");
    this.#writing = false;
    this.#tailWeight -= group.weight;
    this.#flushed = present(group.last, "the index that was written");
    this.#restedAt = performance.now() + restMs;
    let done = 0;
    for (const waiting of this.#flushes) {
      if (waiting.index > this.#flushed) break;
      waiting.resolve();
      done++;
    }
    if (done > 0) this.#flushes = this.#flushes.slice(done);
    if (this.#tailWeight < limits.tail) {
      for (const waiting of this.#rooms) waiting.resolve();
      this.#rooms = [];
    }
    this.#proceed();
  }

  #fail(failure: OperatingFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    clearTimeout(this.#rest);
    this.#rest = undefined;
    for (const waiting of [...this.#flushes, ...this.#rooms]) waiting.reject(failure);
    this.#flushes = [];
    this.#rooms = [];
    this.#onFatal(failure);
  }

  room(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#tailWeight < limits.tail) return Promise.resolve();
    return this.#wait(this.#rooms);
  }

  flush(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#flushed === this.#appended) return Promise.resolve();
    const flushed = this.#wait(this.#flushes);
    this.#proceed();
    return flushed;
  }

  #wait(list: Waiting[]): Promise<void> {
    return new Promise((resolve, reject) => {
      list.push({ index: this.#appended, resolve, reject });
    });
  }

  order(number: OrderNumber): Promise<OrderRow | undefined> {
    for (const group of this.#tail) {
      const order = findOrder(group, number);
      if (order !== undefined) return Promise.resolve(order);
    }
    return this.#reader.request<"order">({ kind: "order", number });
  }

  /** The tail's orders are all newer than the file's: a page is the end of the tail, then the end of the file. */
  async orders(filter: OrderFilter): Promise<readonly OrderRow[]> {
    const found: OrderRow[] = [];
    let oldest: OrderNumber | undefined;
    for (const group of this.#tail.toReversed()) {
      for (let place = group.orderOffsets.length - 1; place >= 0 && found.length < filter.limit; place--) {
        const order = orderAt(group, place);
        if (order !== undefined && matchesFilter(order, filter)) found.push(order);
      }
      oldest = group.firstOrder ?? oldest;
    }
    if (found.length >= filter.limit) return found;
    const before = Math.min(filter.before ?? Number.MAX_SAFE_INTEGER, oldest ?? Number.MAX_SAFE_INTEGER);
    const rest: OrderFilter = {
      ...filter,
      before: before as OrderNumber,
      limit: filter.limit - found.length,
    };
    const stored = await this.#reader.request<"orders">({ kind: "orders", filter: rest });
    return found.length === 0 ? stored : [...found, ...stored];
  }

  async answers(keys: readonly Hash128[]): Promise<readonly (Answer | undefined)[]> {
    const answers: (Answer | undefined)[] = [];
    /** The places of the keys that the tail does not have. */
    const missing: number[] = [];
    for (const key of keys) {
      const answer = this.#tailAnswer(key);
      if (answer === undefined) missing.push(answers.length);
      answers.push(answer);
    }
    if (missing.length === 0) return answers;
    const bytes = new Uint8Array(missing.length * 16);
    for (const [at, place] of missing.entries()) putHash(bytes, at * 16, present(keys[place], "a key"));
    this.#keyReader ??= new ReadThread(this.#file, (failure) => this.#fail(failure));
    const found = await this.#keyReader.request<"answers">({ kind: "answers", keys: bytes });
    for (const [at, answer] of found) answers[present(missing[at], "the place of a key")] = answer;
    return answers;
  }

  #tailAnswer(key: Hash128): Answer | undefined {
    for (let at = this.#tail.length - 1; at >= 0; at--) {
      const answer = findAnswer(present(this.#tail[at], "a group of the tail"), key);
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  /** In a thread of its own, for it reads everything: other reads go on, and writes too. */
  async digest(): Promise<Digest> {
    if (this.#failure !== undefined) throw this.#failure;
    const thread = new ReadThread(this.#file, () => {});
    try {
      return await thread.request<"digest">({ kind: "digest" });
    } finally {
      await thread.close();
    }
  }

  async close(): Promise<void> {
    try {
      if (this.#failure === undefined) await this.flush();
    } finally {
      // The reader goes first: the last connection to close leaves one complete file behind.
      await Promise.all([this.#reader.close(), this.#keyReader?.close()]);
      await this.#writer.close();
      this.#lock.release();
    }
  }
}
