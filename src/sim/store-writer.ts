/**
 * The one writer of a simulated store: a transaction at a time, each of which takes the disk a sync. On a full disk the
 * transaction waits for space; when the process dies, the one that was under way is either there or not.
 */

import type { OperatingFailure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { DiskTimes } from "./disk-times.ts";

export interface Transaction<T = unknown> {
  /** How much it writes: see `StoreTail`. */
  readonly weight: number;
  /** What it does to the durable rows, at one moment. */
  act(): T;
  /** It is durable; `result` is what `act` returned. */
  done(result: T): void;
  /** It is not carried out, for the store failed or was closed. */
  abandoned(failure: OperatingFailure): void;
}

/** What the file says of itself when something is to be written to it. */
export interface WriteState {
  /** Nothing more can be written, and why. */
  failure(): OperatingFailure | undefined;
  isFull(): boolean;
}

export interface WriterEvents {
  /** At every change. */
  full(full: boolean): void;
  failed(failure: OperatingFailure): void;
  /** Nothing is under way and nothing waits. */
  idle(): void;
}

/** What a unit of weight adds to a sync, on a disk that is not slowed down. */
const weightMs = 0.002;

export class StoreWriter {
  readonly #times: DiskTimes;
  readonly #random: Random;
  readonly #state: WriteState;
  readonly #events: WriterEvents;
  readonly #retryMs: number;
  /** The first one is under way. */
  readonly #queue: Transaction[] = [];
  isFull = false;
  #isOver = false;

  constructor(times: DiskTimes, random: Random, retryMs: number, state: WriteState, events: WriterEvents) {
    this.#times = times;
    this.#random = random;
    this.#retryMs = retryMs;
    this.#state = state;
    this.#events = events;
  }

  get isBusy(): boolean {
    return this.#queue.length > 0;
  }

  write<T>(transaction: Transaction<T>): void {
    if (this.#isOver) return;
    this.#queue.push(transaction as Transaction);
    if (this.#queue.length === 1) this.#begin(transaction.weight);
  }

  #begin(weight: number): void {
    this.#times.sync(this.#end, weight * weightMs);
  }

  readonly #end = (): void => {
    const transaction = this.#queue[0];
    if (this.#isOver || transaction === undefined) return;
    const failure = this.#state.failure();
    if (failure !== undefined) {
      this.stop(failure);
      this.#events.failed(failure);
      return;
    }
    const isFull = this.#state.isFull();
    if (isFull !== this.isFull) {
      this.isFull = isFull;
      this.#events.full(isFull);
    }
    if (isFull) {
      this.#times.timer(this.#retryMs, this.#end);
      return;
    }
    this.#queue.shift();
    const next = this.#queue[0];
    if (next !== undefined) this.#begin(next.weight);
    transaction.done(transaction.act());
    if (!this.isBusy) this.#events.idle();
  };

  /** Nothing more is written: what waits is abandoned. */
  stop(failure: OperatingFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const transaction of this.#queue.splice(0)) transaction.abandoned(failure);
  }

  /** The process is dead. */
  die(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const [transaction] = this.#queue.splice(0);
    if (transaction === undefined || this.#state.isFull() || this.#state.failure() !== undefined) return;
    if (this.#random() < 0.5) transaction.act();
  }
}
