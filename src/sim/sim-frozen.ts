/** States of a simulated store that are held still: few at a time, and one that nobody asks for a while is closed. */
import { OperatingFailure } from "../base/failure.ts";
import type { LogIndex, OrderNumber, Position, Term } from "../base/units.ts";
import type { MarketState } from "../market/rows.ts";
import type { Frozen, Store } from "../store/port.ts";

/** As in the real store (sqlite/freeze.ts). */
const frozenMax = 2;

export interface FrozenHolder {
  readonly idleMs: number;
  /** Answers when the disk is ready. */
  readonly read: <T>(read: () => Promise<T>) => Promise<T>;
  readonly timer: (ms: number, run: () => void) => void;
}

const refusal = (message: string): OperatingFailure => new OperatingFailure("unavailable", message);

export class SimFreezer {
  readonly #holder: FrozenHolder;
  readonly #frozen = new Set<SimFrozen>();
  /** Open and opening. */
  #count = 0;
  #isClosed = false;

  constructor(holder: FrozenHolder) {
    this.#holder = holder;
  }

  /** What `rows` holds once `flushed` has resolved. */
  async freeze(flushed: () => Promise<void>, rows: Store): Promise<Frozen> {
    if (this.#count >= frozenMax) throw refusal(`${frozenMax} states are being copied from here already`);
    this.#count++;
    try {
      await flushed();
      const still = await this.#holder.read(() => rows.freeze());
      if (this.#isClosed) throw refusal("the store is closed");
      const frozen = new SimFrozen(still, this.#holder, () => {
        this.#frozen.delete(frozen);
        this.#count--;
      });
      this.#frozen.add(frozen);
      return frozen;
    } catch (error) {
      this.#count--;
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const frozen of [...this.#frozen]) void frozen.close();
  }
}

class SimFrozen implements Frozen {
  readonly index: LogIndex;
  readonly term: Term;
  readonly state: MarketState;
  readonly #rows: Frozen;
  readonly #holder: FrozenHolder;
  readonly #closed: () => void;
  /** Counts what was asked and answered: an idle time in which it changed was none. */
  #uses = 0;
  #asked = 0;
  #why: string | undefined;

  constructor(rows: Frozen, holder: FrozenHolder, closed: () => void) {
    this.index = rows.index;
    this.term = rows.term;
    this.state = rows.state;
    this.#rows = rows;
    this.#holder = holder;
    this.#closed = closed;
    this.#startIdle();
  }

  orders(from: OrderNumber, maxBytes: number): Promise<Uint8Array> {
    return this.#ask(() => this.#rows.orders(from, maxBytes));
  }

  answers(after: Position, maxBytes: number): Promise<Uint8Array> {
    return this.#ask(() => this.#rows.answers(after, maxBytes));
  }

  async #ask(read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    if (this.#why !== undefined) throw refusal(this.#why);
    this.#uses++;
    this.#asked++;
    try {
      return await this.#holder.read(read);
    } finally {
      this.#uses++;
      this.#asked--;
      if (this.#asked === 0) this.#startIdle();
    }
  }

  #startIdle(): void {
    const { idleMs, timer } = this.#holder;
    const uses = this.#uses;
    timer(idleMs, () => {
      if (this.#uses !== uses) return;
      this.#end(`the frozen state was closed: nobody asked for it for ${idleMs} ms`);
    });
  }

  #end(why: string): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    this.#closed();
  }

  async close(): Promise<void> {
    this.#end("the frozen state is closed");
  }
}
