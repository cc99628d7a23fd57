/** How far this replica has applied the log, and who waits for it to come further. */
import { OperatingFailure } from "../base/failure.ts";
import type { LogIndex, Position } from "../base/units.ts";

interface Waiter {
  readonly until: number;
  readonly resolve: () => void;
  readonly reject: (failure: OperatingFailure) => void;
  /** `undefined`: it waits as long as it takes. */
  readonly timer: NodeJS.Timeout | undefined;
}

export class Applied {
  #index: LogIndex;
  #position: Position;
  #forIndex: Waiter[] = [];
  #forPosition: Waiter[] = [];

  constructor(index: LogIndex, position: Position) {
    this.#index = index;
    this.#position = position;
  }

  get index(): LogIndex {
    return this.#index;
  }

  advance(index: LogIndex, position: Position): void {
    this.#index = index;
    this.#position = position;
    if (this.#forIndex.length > 0) this.#forIndex = wake(this.#forIndex, index);
    if (this.#forPosition.length > 0) this.#forPosition = wake(this.#forPosition, position);
  }

  /** Resolves once the entry at `index` is applied. It is committed: it will come. */
  whenIndex(index: LogIndex): Promise<void> {
    if (index <= this.#index) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#forIndex.push({ until: index, resolve, reject, timer: undefined });
    return promise;
  }

  /** Resolves once the command at `position` is applied; rejects with `unavailable` after `timeoutMs`. */
  whenPosition(position: Position, timeoutMs: number): Promise<void> {
    if (position <= this.#position) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      this.#forPosition = this.#forPosition.filter((waiter) => waiter.timer !== timer);
      reject(new OperatingFailure("unavailable", `Position ${position} is not reached yet.`));
    }, timeoutMs);
    this.#forPosition.push({ until: position, resolve, reject, timer });
    return promise;
  }

  /** Nothing more will be applied. */
  close(): void {
    for (const { reject, timer } of [...this.#forIndex, ...this.#forPosition]) {
      clearTimeout(timer);
      reject(new OperatingFailure("unavailable", "This replica is stopping."));
    }
    this.#forIndex = [];
    this.#forPosition = [];
  }
}

function wake(waiters: readonly Waiter[], reached: number): Waiter[] {
  return waiters.filter(({ until, resolve, timer }) => {
    if (until > reached) return true;
    clearTimeout(timer);
    resolve();
    return false;
  });
}
