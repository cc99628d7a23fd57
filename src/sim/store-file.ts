/**
 * What lies on a simulated disk in the place of a replica's SQLite file: the durable rows, which are a memory store that
 * only transactions reach, and what is wrong with them. A process opens it as a `SimStore`; the file outlives that.
 *
 * Nothing is copied when a transaction is made durable and nothing is undone by a crash: what was not durable was only
 * in the process's memory.
 */
import { OperatingFailure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import { MemoryStore } from "../store/memory.ts";
import type { SqliteStoreOptions } from "../store/sqlite/store.ts";
import type { DiskTimes } from "./disk-times.ts";
import { SimStore } from "./sim-store.ts";
import { type SetAside, StoreDamage } from "./store-damage.ts";

export type SimStoreOptions = Pick<
  SqliteStoreOptions,
  "dir" | "identity" | "create" | "onFatal" | "onFull" | "retryMs" | "freezeIdleMs"
>;

export interface OpenedSimStore {
  readonly store: SimStore;
  /** A damaged store lay there, now or in an earlier life, and this one was not refilled since. */
  readonly setAside: SetAside | undefined;
}

/** Weights (store-tail.ts); the real store's, unless a test wants to come to them sooner. */
export interface StoreLimits {
  /** Of a transaction. */
  group: number;
  /** Not yet durable; above it there is no room. */
  tail: number;
}

const wrongData = (message: string): OperatingFailure => new OperatingFailure("wrong-data", message);

export class SimStoreFile {
  readonly dir: string;
  readonly limits: StoreLimits = { group: 20_000, tail: 100_000 };
  /** The disk has no space for what the store writes. */
  full = false;
  readonly #random: Random;
  readonly #times: DiskTimes;
  /** What is durable; an empty file is not made before a store is opened. */
  #rows = new MemoryStore();
  #owner: SqliteStoreOptions["identity"] | undefined;
  /** Why the next start sets it aside. */
  #damage: string | undefined;
  #refilling: SetAside | undefined;
  #setAsides = 0;
  #failsToWrite = false;
  #life = 0;
  #isOff = false;
  #isLocked = false;
  #open: SimStore | undefined;

  constructor(dir: string, random: Random, times: DiskTimes) {
    this.dir = dir;
    this.#random = random;
    this.#times = times;
  }

  get rows(): MemoryStore {
    return this.#rows;
  }

  /** Why it cannot be read as it lies there. */
  get damageFound(): StoreDamage | undefined {
    return this.#damage === undefined ? undefined : new StoreDamage(this.#damage);
  }

  /** What a transaction fails by, if it does. */
  writeFailure(): OperatingFailure | undefined {
    if (!this.#failsToWrite) return undefined;
    return new OperatingFailure("storage", `${this.#name}: SQLITE_IOERR_FSYNC: disk I/O error`);
  }

  get #name(): string {
    return `${this.dir}/orders.sqlite`;
  }

  /** As `openSqliteStore`. Of a disk that is off it is never answered. */
  open(options: SimStoreOptions): Promise<OpenedSimStore> {
    if (this.#isOff) return new Promise(() => {});
    if (this.#isLocked) {
      return Promise.reject(wrongData(`${this.dir} is in use by another process. Stop that one first.`));
    }
    this.#isLocked = true;
    const life = this.#life;
    let told = false;
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        if (life !== this.#life) return;
        const isNew = this.#owner === undefined || this.#damage !== undefined;
        const waits = isNew && this.full;
        if (waits !== told) options.onFull?.(waits);
        told = waits;
        if (waits) return this.#times.timer(options.retryMs ?? 250, attempt);
        try {
          resolve(this.#opened(options));
        } catch (error) {
          this.#isLocked = false;
          reject(error);
        }
      };
      this.#times.sync(attempt);
    });
  }

  #opened(options: SimStoreOptions): OpenedSimStore {
    const { identity, create } = options;
    const damage = this.damageFound;
    if (damage !== undefined) {
      if (create) throw damage;
      this.setAside(damage.message);
    }
    this.#owner ??= identity;
    const { cluster, replica } = this.#owner;
    if (cluster !== identity.cluster || replica !== identity.replica) {
      throw wrongData(`${this.#name} belongs to replica ${replica} of cluster ${cluster}`);
    }
    if (create && this.#rows.flushed > 0) throw wrongData(`${this.#name} has a state already`);
    const store = new SimStore(this, options, this.#random, this.#times, () => {
      this.#open = undefined;
      this.#isLocked = false;
    });
    this.#open = store;
    return { store, setAside: this.#refilling };
  }

  /** The next start sets it aside; what is open goes on. */
  leaveMark(reason: string): void {
    this.#damage ??= reason;
  }

  /** Puts an empty file in its place. `undefined`, and nothing happened, if there is none. */
  setAside(reason: string): SetAside | undefined {
    const isThere = this.#owner !== undefined;
    this.#damage = undefined;
    if (!isThere) return undefined;
    this.#refilling = { reason, file: `${this.#name}.set-aside-${++this.#setAsides}` };
    this.#empty();
    return this.#refilling;
  }

  get refilling(): SetAside | undefined {
    return this.#refilling;
  }

  endRefilling(): void {
    this.#refilling = undefined;
  }

  #empty(): void {
    this.#rows = new MemoryStore();
    this.#owner = undefined;
    this.#damage = undefined;
  }

  /** Pages of it are wrong: whoever touches it next finds out. False, and nothing happened, if there is no file. */
  damage(): boolean {
    if (this.#owner === undefined) return false;
    this.leaveMark(`${this.#name} is damaged (database disk image is malformed)`);
    return true;
  }

  /** It is gone, with all that was noted beside it. A process that has it open goes on and does not notice. */
  lose(): void {
    this.#refilling = undefined;
    this.#empty();
  }

  /** The next transaction fails, and the store with it. */
  failWrite(): void {
    this.#failsToWrite = true;
  }

  /**
   * One durable row is another than was written, and nothing shows it but a digest, or a replica that goes on from it.
   * Returns which; `undefined`, and nothing happened, if there is none.
   */
  alterRow(what: "order" | "item"): string | undefined {
    const { orders, items } = this.#rows.lying;
    if (what === "order") {
      const order = orders[Math.floor(this.#random() * orders.length)];
      if (order === undefined) return undefined;
      orders[order.number] = { ...order, customer: `${order.customer ?? ""}*` };
      return `order ${order.number}`;
    }
    const item = [...items.values()][Math.floor(this.#random() * items.size)];
    if (item === undefined) return undefined;
    items.set(item.id, { ...item, quantity: item.quantity + 1 });
    return `item ${item.id}`;
  }

  /** The process is dead: what it had under way is there or not, all else of it is gone. */
  die(): void {
    this.#life++;
    this.#open?.die();
    this.#open = undefined;
    this.#isLocked = false;
    this.#failsToWrite = false;
    this.#isOff = true;
  }

  start(): void {
    this.#isOff = false;
  }
}
