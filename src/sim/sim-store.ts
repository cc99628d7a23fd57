/**
 * A replica's store in the simulator: the real one (store/sqlite/sqlite-store.ts) with the same behaviour in time, over
 * rows in memory. What is appended waits in the tail, transactions rest between each other, and `flushed` is told when
 * the disk has it. After `die` it is a dead process's: it does and answers nothing.
 */
import { assert } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import type { Hash128 } from "../base/hash128.ts";
import type { Random } from "../base/random.ts";
import type { LogIndex, OrderNumber, Term } from "../base/units.ts";
import type { Answer, OrderRow, Rows } from "../market/rows.ts";
import type { MemoryStore } from "../store/memory.ts";
import type { Copy, Digest, Frozen, OrderFilter, Store, Stored } from "../store/port.ts";
import type { DiskTimes } from "./disk-times.ts";
import { copyInSteps } from "./sim-copy.ts";
import { SimFreezer } from "./sim-frozen.ts";
import { StoreDamage } from "./store-damage.ts";
import type { SimStoreFile, SimStoreOptions } from "./store-file.ts";
import { StoreTail } from "./store-tail.ts";
import { StoreWriter } from "./store-writer.ts";

/** Between two transactions, as in the real store. */
const restMs = 200;

interface Waiting {
  readonly index: LogIndex;
  readonly resolve: () => void;
  readonly reject: (failure: OperatingFailure) => void;
}

const unavailable = (message: string): OperatingFailure => new OperatingFailure("unavailable", message);

export class SimStore implements Store {
  readonly #file: SimStoreFile;
  readonly #rows: MemoryStore;
  readonly #options: SimStoreOptions;
  readonly #times: DiskTimes;
  readonly #released: () => void;
  readonly #writer: StoreWriter;
  readonly #freezer: SimFreezer;
  readonly #tail = new StoreTail();
  #appended: LogIndex;
  #flushed: LogIndex;
  #copying: boolean;
  #isWriting = false;
  /** Counts rests; the one that is not over. */
  #rests = 0;
  #rest: number | undefined;
  #flushes: Waiting[] = [];
  #rooms: Waiting[] = [];
  #failure: OperatingFailure | undefined;
  #isClosing = false;
  #isClosed = false;
  #isDead = false;
  #idle: (() => void) | undefined;

  /** `released` is called once it is closed. */
  constructor(
    file: SimStoreFile,
    options: SimStoreOptions,
    random: Random,
    times: DiskTimes,
    released: () => void,
  ) {
    this.#file = file;
    this.#rows = file.rows;
    this.#options = options;
    this.#times = times;
    this.#released = released;
    this.#appended = this.#rows.flushed;
    this.#flushed = this.#rows.flushed;
    this.#copying = this.#rows.copying;
    const state = { failure: () => this.#readFailure() ?? file.writeFailure(), isFull: () => file.full };
    this.#writer = new StoreWriter(times, random, options.retryMs ?? 250, state, {
      full: (full) => this.#setFull(full),
      failed: (failure) => this.#fail(failure),
      idle: () => this.#idle?.(),
    });
    this.#freezer = new SimFreezer({
      idleMs: options.freezeIdleMs ?? 30_000,
      read: (read) => this.#read(read),
      timer: (ms, run) => times.timer(ms, run),
    });
  }

  get flushed(): LogIndex {
    return this.#flushed;
  }

  /** The disk has no space: what was appended waits until it has. */
  get full(): boolean {
    return this.#writer.isFull;
  }

  async load(): Promise<Stored> {
    await this.flush();
    return this.#read(() => this.#rows.load());
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
    if (this.#isWriting || this.#isDead || this.#failure !== undefined || this.#tail.isEmpty) return;
    if (this.#isClosing && this.full) return;
    const isUrgent = this.#tail.weight >= this.#file.limits.group || this.#flushes.length > 0;
    if (!isUrgent && this.#rest !== undefined) return;
    this.#isWriting = true;
    const group = this.#tail.oldest(this.#file.limits.group);
    this.#writer.write({
      weight: group.reduce((sum, entry) => sum + entry.weight, 0),
      act: () => {
        for (const { index, term, rows } of group) this.#rows.append(index, term, rows);
      },
      done: () => {
        this.#tail.drop(group);
        this.#written();
      },
      abandoned: () => {},
    });
  }

  #written(): void {
    this.#isWriting = false;
    this.#flushed = this.#rows.flushed;
    const rest = ++this.#rests;
    this.#rest = rest;
    this.#times.timer(restMs, () => {
      if (this.#rest !== rest) return;
      this.#rest = undefined;
      this.#proceed();
    });
    const waiting = this.#flushes;
    this.#flushes = waiting.filter(({ index }) => index > this.#flushed);
    for (const { index, resolve } of waiting) if (index <= this.#flushed) resolve();
    if (this.#hasRoom) for (const { resolve } of this.#rooms.splice(0)) resolve();
    this.#proceed();
  }

  get #hasRoom(): boolean {
    return this.#tail.weight < this.#file.limits.tail;
  }

  #setFull(full: boolean): void {
    if (full && this.#isClosing) this.#giveUp();
    this.#options.onFull?.(full);
  }

  #fail(failure: OperatingFailure): void {
    if (this.#failure !== undefined || this.#isDead) return;
    this.#failure = failure;
    this.#stopWaiting(failure);
    this.#idle?.();
    if (failure instanceof StoreDamage) this.#file.leaveMark(failure.message);
    this.#options.onFatal(failure);
  }

  #stopWaiting(failure: OperatingFailure): void {
    for (const { reject } of [...this.#flushes.splice(0), ...this.#rooms.splice(0)]) reject(failure);
  }

  room(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#hasRoom ? Promise.resolve() : this.#wait(this.#rooms);
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

  /** What is asked of the file itself: it is answered when the disk is ready. */
  #read<T>(read: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(unavailable("the store is closed"));
    return new Promise((resolve, reject) => {
      this.#times.quick(() => {
        if (this.#isDead) return;
        const damage = this.#readFailure();
        if (damage === undefined) return resolve(read());
        reject(damage);
        this.#fail(damage);
      });
    });
  }

  /** A file that was lost or set aside meanwhile is another one. */
  #readFailure(): StoreDamage | undefined {
    return this.#file.rows === this.#rows ? this.#file.damageFound : undefined;
  }

  order(number: OrderNumber): Promise<OrderRow | undefined> {
    const order = this.#tail.order(number);
    return order === undefined ? this.#read(() => this.#rows.order(number)) : Promise.resolve(order);
  }

  async orders(filter: OrderFilter): Promise<readonly OrderRow[]> {
    const { found, rest } = this.#tail.orders(filter);
    if (rest === undefined) return found;
    const stored = await this.#read(() => this.#rows.orders(rest));
    return found.length === 0 ? stored : [...found, ...stored];
  }

  async answers(keys: readonly Hash128[]): Promise<readonly (Answer | undefined)[]> {
    const answers = keys.map((key) => this.#tail.answer(key));
    if (!answers.includes(undefined)) return answers;
    const stored = await this.#read(() => this.#rows.answers(keys));
    return answers.map((answer, at) => answer ?? stored[at]);
  }

  async freeze(): Promise<Frozen> {
    if (this.full) throw unavailable("the disk is full");
    return this.#freezer.freeze(() => this.flush(), this.#rows);
  }

  async copy(): Promise<Copy> {
    this.#copying = true;
    await this.flush();
    const step = <T>(weight: number, act: () => Promise<T>): Promise<T> => this.#step(weight, act);
    return copyInSteps(await step(1, () => this.#rows.copy()), step, (index) => {
      this.#copying = false;
      this.#appended = index;
      this.#flushed = index;
    });
  }

  /** One step of a copy: durable when it resolves. */
  #step<T>(weight: number, act: () => Promise<T>): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#isClosing) return Promise.reject(unavailable("the store is closed"));
    return new Promise((resolve, reject) => {
      const settled = (): Promise<T> => {
        const result = act();
        // A dead process's is heard by nobody.
        result.catch(() => {});
        return result;
      };
      this.#writer.write({ weight, act: settled, done: resolve, abandoned: reject });
    });
  }

  async digest(): Promise<Digest> {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#read(() => this.#rows.digest());
  }

  /** On a full disk what waits is tried once more and then left: the log has it. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosing = true;
    try {
      if (this.full) this.#giveUp();
      else if (this.#failure === undefined) await this.#flushUnlessFull();
      if (this.#failure === undefined && this.#writer.isBusy && !this.full) await this.#becomesIdle();
    } finally {
      this.#isClosed = true;
      this.#freezer.close();
      this.#writer.stop(unavailable("the store is closed"));
      if (!this.#isDead) this.#released();
    }
  }

  #becomesIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }

  async #flushUnlessFull(): Promise<void> {
    try {
      await this.flush();
    } catch (error) {
      if (!this.full) throw error;
    }
  }

  #giveUp(): void {
    this.#stopWaiting(unavailable("the store is closed, and the disk is full"));
    this.#idle?.();
  }

  /** The process is dead. */
  die(): void {
    this.#isDead = true;
    this.#writer.die();
  }
}
