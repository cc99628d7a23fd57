/**
 * States that are held still while another replica copies them: each is a read transaction, in a thread and on a
 * connection of its own, which sees the file as it was whatever is written meanwhile.
 *
 * As long as one is held, SQLite cannot begin its write-ahead log anew, which grows by all that is written. So there are
 * few at a time, and one that nobody asks is closed by itself: whoever was copying it has gone.
 */
import { OperatingFailure } from "../../base/failure.ts";
import type { LogIndex, OrderNumber, Position, Term } from "../../base/units.ts";
import type { MarketState } from "../../market/rows.ts";
import type { Frozen } from "../port.ts";
import type { FrozenState } from "./messages.ts";
import { ReadThread } from "./read-thread.ts";

/** At a time; one more is refused. A group of five has four replicas that may copy, but seldom more than one does. */
const frozenMax = 2;

const refusal = (message: string): OperatingFailure => new OperatingFailure("unavailable", message);

export interface FreezeOptions {
  readonly file: string;
  /** One that was not asked for so long is closed. */
  readonly idleMs: number;
  /** A thread failed; the requests to it are rejected with the same. */
  readonly onFailure: (failure: OperatingFailure) => void;
}

export class Freezer {
  readonly #options: FreezeOptions;
  /** Threads, open and opening; and the states that they hold. */
  #count = 0;
  readonly #frozen = new Set<FrozenThread>();
  #closed = false;

  constructor(options: FreezeOptions) {
    this.#options = options;
  }

  /** The state in the file once `flushed` has resolved. */
  async freeze(flushed: () => Promise<void>): Promise<Frozen> {
    if (this.#count >= frozenMax) throw refusal(`${frozenMax} states are being copied from here already`);
    this.#count++;
    let thread: ReadThread | undefined;
    try {
      await flushed();
      if (this.#closed) throw refusal("the store is closed");
      thread = new ReadThread(this.#options.file, this.#options.onFailure);
      const state = await thread.request<"freeze">({ kind: "freeze" });
      if (this.#closed) throw refusal("the store is closed");
      const frozen = new FrozenThread(thread, state, this.#options.idleMs, () => {
        this.#frozen.delete(frozen);
        this.#count--;
      });
      this.#frozen.add(frozen);
      return frozen;
    } catch (error) {
      await thread?.close();
      this.#count--;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#frozen].map((frozen) => frozen.close()));
  }
}

class FrozenThread implements Frozen {
  readonly index: LogIndex;
  readonly term: Term;
  readonly state: MarketState;
  readonly #thread: ReadThread;
  readonly #idleMs: number;
  readonly #onClosed: () => void;
  #idle: NodeJS.Timeout;
  #asked = 0;
  #closing: Promise<void> | undefined;
  #why = "the frozen state is closed";

  constructor(thread: ReadThread, { index, term, state }: FrozenState, idleMs: number, onClosed: () => void) {
    this.#thread = thread;
    this.index = index;
    this.term = term;
    this.state = state;
    this.#idleMs = idleMs;
    this.#onClosed = onClosed;
    this.#idle = this.#startIdle();
  }

  orders(from: OrderNumber, maxBytes: number): Promise<Uint8Array> {
    return this.#ask(() => this.#thread.request<"frozen-orders">({ kind: "frozen-orders", from, maxBytes }));
  }

  answers(after: Position, maxBytes: number): Promise<Uint8Array> {
    return this.#ask(() =>
      this.#thread.request<"frozen-answers">({ kind: "frozen-answers", after, maxBytes }),
    );
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw refusal(this.#why);
    clearTimeout(this.#idle);
    this.#asked++;
    try {
      return await request();
    } finally {
      if (--this.#asked === 0 && this.#closing === undefined) this.#idle = this.#startIdle();
    }
  }

  #startIdle(): NodeJS.Timeout {
    const idle = setTimeout(() => {
      this.#why = `the frozen state was closed: nobody asked for it for ${this.#idleMs} ms`;
      // A thread's failure is told by `onFailure`; closing it does not fail.
      void this.close();
    }, this.#idleMs);
    return idle.unref();
  }

  close(): Promise<void> {
    clearTimeout(this.#idle);
    this.#closing ??= this.#thread.close().then(this.#onClosed);
    return this.#closing;
  }
}
