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
 *
 * While the disk has no space the tail waits, and `room` with it, so that nobody applies what has no place; see
 * `writer.ts`.
 */
import { assert, present } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import type { Hash128 } from "../../base/hash128.ts";
import type { LogIndex, OrderNumber, Term } from "../../base/units.ts";
import type { Answer, OrderRow, Rows } from "../../market/rows.ts";
import type { Copy, Digest, Frozen, OrderFilter, Store, Stored } from "../port.ts";
import { putHash } from "./columns.ts";
import { beginCopy } from "./copy.ts";
import { leaveMark, StoreDamage, storeFile } from "./damage.ts";
import type { DirectoryLock } from "./directory-lock.ts";
import { Freezer } from "./freeze.ts";
import { ReadThread } from "./read-thread.ts";
import { Tail } from "./tail.ts";
import type { WriteThread } from "./write-thread.ts";

/** Between the end of a transaction and the start of the next, unless a group is full or someone waits for it. */
const restMs = 200;

/** What `openSqliteStore` has opened; the store closes all of it. */
export interface SqliteStoreParts {
  readonly dir: string;
  readonly writer: WriteThread;
  readonly reader: ReadThread;
  readonly lock: DirectoryLock;
  /** What the file holds. */
  readonly index: LogIndex;
  readonly copying: boolean;
  readonly freezeIdleMs: number;
  readonly onFatal: (failure: OperatingFailure) => void;
  readonly onFull: (full: boolean) => void;
}

interface Waiting {
  readonly index: LogIndex;
  readonly resolve: () => void;
  readonly reject: (failure: OperatingFailure) => void;
}

export class SqliteStore implements Store {
  readonly #parts: SqliteStoreParts;
  readonly #writer: WriteThread;
  readonly #reader: ReadThread;
  /** Applying entries waits for answers of keys: they have a thread of their own, so that no query is before them. */
  #keyReader: ReadThread | undefined;
  readonly #freezer: Freezer;

  readonly #tail = new Tail();
  #writing = false;
  #appended: LogIndex;
  #flushed: LogIndex;
  #copying: boolean;
  #full = false;

  /** Ascending by index. */
  #flushes: Waiting[] = [];
  #rooms: Waiting[] = [];
  #rest: NodeJS.Timeout | undefined;
  #restedAt = Number.NEGATIVE_INFINITY;
  #failure: OperatingFailure | undefined;
  #closing = false;

  constructor(parts: SqliteStoreParts) {
    this.#parts = parts;
    this.#writer = parts.writer;
    this.#reader = parts.reader;
    this.#appended = parts.index;
    this.#flushed = parts.index;
    this.#copying = parts.copying;
    this.#freezer = new Freezer({
      file: storeFile(parts.dir),
      idleMs: parts.freezeIdleMs,
      onFailure: (failure) => this.#failBeside(failure),
    });
    this.#writer.listen({
      written: () => this.#written(),
      full: (full) => this.#setFull(full),
      failed: (failure) => this.fail(failure),
    });
  }

  get flushed(): LogIndex {
    return this.#flushed;
  }

  /** The disk has no space: what was appended waits until it has. */
  get full(): boolean {
    return this.#full;
  }

  async load(): Promise<Stored> {
    await this.flush();
    return this.#reader.request<"load">({ kind: "load" });
  }

  append(index: LogIndex, term: Term, rows: Rows): void {
    assert(index > this.#appended, () => `the store is at ${this.#appended}, the entry at ${index}`);
    assert(!this.#copying, "nothing is appended while a copy is under way");
    if (this.#failure !== undefined) throw this.#failure;
    this.#appended = index;
    this.#tail.add(index, term, rows);
    this.#proceed();
  }

  /** Start the next transaction, now or after the rest, if there is anything to write. */
  #proceed(): void {
    if (this.#writing || this.#failure !== undefined || this.#tail.empty) return;
    if (this.#closing && this.#full) return;
    const urgent = this.#tail.due || this.#flushes.length > 0;
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
    this.#writing = true;
    this.#writer.write(...this.#tail.seal());
  }

  #written(): void {
    this.#writing = false;
    this.#flushed = this.#tail.written();
    this.#restedAt = performance.now() + restMs;
    let done = 0;
    for (const waiting of this.#flushes) {
      if (waiting.index > this.#flushed) break;
      waiting.resolve();
      done++;
    }
    if (done > 0) this.#flushes = this.#flushes.slice(done);
    if (this.#tail.room) {
      for (const waiting of this.#rooms) waiting.resolve();
      this.#rooms = [];
    }
    this.#proceed();
  }

  #setFull(full: boolean): void {
    this.#full = full;
    if (full && this.#closing) this.#giveUp();
    this.#parts.onFull(full);
  }

  /** A thread failed, or what it read is damaged: the process must stop. */
  fail(failure: OperatingFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#stopWaiting(failure);
    if (failure instanceof StoreDamage) leaveMark(this.#parts.dir, failure);
    this.#parts.onFatal(failure);
  }

  /** The failure of a thread without which the store goes on, unless it is damage. */
  #failBeside(failure: OperatingFailure): void {
    if (failure instanceof StoreDamage) this.fail(failure);
  }

  #stopWaiting(failure: OperatingFailure): void {
    clearTimeout(this.#rest);
    this.#rest = undefined;
    for (const waiting of [...this.#flushes, ...this.#rooms]) waiting.reject(failure);
    this.#flushes = [];
    this.#rooms = [];
  }

  room(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#tail.room) return Promise.resolve();
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
    const order = this.#tail.order(number);
    if (order !== undefined) return Promise.resolve(order);
    return this.#reader.request<"order">({ kind: "order", number });
  }

  /** The tail's orders are all newer than the file's: a page is the end of the tail, then the end of the file. */
  async orders(filter: OrderFilter): Promise<readonly OrderRow[]> {
    const { found, rest } = this.#tail.orders(filter);
    if (rest === undefined) return found;
    const stored = await this.#reader.request<"orders">({ kind: "orders", filter: rest });
    return found.length === 0 ? stored : [...found, ...stored];
  }

  async answers(keys: readonly Hash128[]): Promise<readonly (Answer | undefined)[]> {
    const answers: (Answer | undefined)[] = [];
    /** The places of the keys that the tail does not have. */
    const missing: number[] = [];
    for (const key of keys) {
      const answer = this.#tail.answer(key);
      if (answer === undefined) missing.push(answers.length);
      answers.push(answer);
    }
    if (missing.length === 0) return answers;
    const bytes = new Uint8Array(missing.length * 16);
    for (const [at, place] of missing.entries()) putHash(bytes, at * 16, present(keys[place], "a key"));
    this.#keyReader ??= this.#newReader((failure) => this.fail(failure));
    const found = await this.#keyReader.request<"answers">({ kind: "answers", keys: bytes });
    for (const [at, answer] of found) answers[present(missing[at], "the place of a key")] = answer;
    return answers;
  }

  #newReader(onFailure: (failure: OperatingFailure) => void): ReadThread {
    return new ReadThread(storeFile(this.#parts.dir), onFailure);
  }

  /**
   * At most two at a time, and one that nobody asks for a while is closed: see `freeze.ts`. Beyond that, while the disk
   * is full, and of an empty store or one that is itself being copied: `OperatingFailure("unavailable")`.
   */
  async freeze(): Promise<Frozen> {
    if (this.#full) throw new OperatingFailure("unavailable", "the disk is full");
    return this.#freezer.freeze(() => this.flush());
  }

  async copy(): Promise<Copy> {
    this.#copying = true;
    await this.flush();
    return beginCopy(this.#writer, (index) => {
      this.#copying = false;
      this.#appended = index;
      this.#flushed = index;
    });
  }

  /** In a thread of its own, for it reads everything: other reads go on, and writes too. */
  async digest(): Promise<Digest> {
    if (this.#failure !== undefined) throw this.#failure;
    const thread = this.#newReader((failure) => this.#failBeside(failure));
    try {
      return await thread.request<"digest">({ kind: "digest" });
    } finally {
      await thread.close();
    }
  }

  /** On a full disk what waits is tried once more and then left: the log has it. */
  async close(): Promise<void> {
    this.#closing = true;
    try {
      if (this.#full) this.#giveUp();
      else if (this.#failure === undefined) await this.#flushUnlessFull();
    } finally {
      // The readers go first: the last connection to close leaves one complete file behind.
      await Promise.all([this.#reader.close(), this.#keyReader?.close(), this.#freezer.close()]);
      await this.#writer.close();
      this.#parts.lock.release();
    }
  }

  async #flushUnlessFull(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      if (!this.#full) throw error;
    }
  }

  #giveUp(): void {
    this.#stopWaiting(new OperatingFailure("unavailable", "the store is closed, and the disk is full"));
  }
}
