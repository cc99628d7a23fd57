/** How far this replica has applied the log, and who waits for it to come further. */
import { PositionWaiters, stopping } from "../answering/position-waiters.ts";
import type { OperatingFailure } from "../base/failure.ts";
import type { LogIndex, Position } from "../base/units.ts";

interface Waiter {
  readonly until: LogIndex;
  readonly resolve: () => void;
  readonly reject: (failure: OperatingFailure) => void;
}

export class Applied {
  #index: LogIndex;
  #forIndex: Waiter[] = [];
  readonly #positions: PositionWaiters;
  #closed = false;

  constructor(index: LogIndex, position: Position) {
    this.#index = index;
    this.#positions = new PositionWaiters(position);
  }

  get index(): LogIndex {
    return this.#index;
  }

  get position(): Position {
    return this.#positions.position;
  }

  /** The state is now that after the entry at `index`: the next one, or a later one if a state was copied. */
  advance(index: LogIndex, position: Position): void {
    this.#index = index;
    this.#positions.advance(position);
    if (this.#forIndex.length > 0) this.#wake();
  }

  /** Resolves once the entry at `index` is applied. It is committed: it will come. */
  whenIndex(index: LogIndex): Promise<void> {
    if (index <= this.#index) return Promise.resolve();
    if (this.#closed) return Promise.reject(stopping());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#forIndex.push({ until: index, resolve, reject });
    return promise;
  }

  /** See `PositionWaiters`. */
  whenPosition(position: Position): Promise<void> {
    return this.#positions.whenPosition(position);
  }

  /** Nothing more will be applied. */
  close(): void {
    this.#closed = true;
    this.#positions.close();
    for (const { reject } of this.#forIndex) reject(stopping());
    this.#forIndex = [];
  }

  #wake(): void {
    this.#forIndex = this.#forIndex.filter(({ until, resolve }) => {
      if (until > this.#index) return true;
      resolve();
      return false;
    });
  }
}
