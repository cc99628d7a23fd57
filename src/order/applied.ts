/** How far this replica has applied the log, and who waits for it to come further. */
import { OperatingFailure } from "../base/failure.ts";
import { orderTimes } from "../base/limits.ts";
import type { LogIndex, Position } from "../base/units.ts";

interface Waiter {
  readonly until: number;
  readonly resolve: () => void;
  readonly reject: (failure: OperatingFailure) => void;
}

interface TimedWaiter extends Waiter {
  readonly deadlineMs: number;
}

/** Who may wait for a position at a time; one more is refused. */
const waitersMax = 10_000;
/** How often deadlines are looked at. */
const sweepMs = 50;

export class Applied {
  #index: LogIndex;
  #position: Position;
  #forIndex: Waiter[] = [];
  /** All wait equally long, so they are in the order of their deadlines. */
  #forPosition: TimedWaiter[] = [];
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

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
    if (this.#closed) return Promise.reject(stopping());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#forIndex.push({ until: index, resolve, reject });
    return promise;
  }

  /**
   * Resolves once the command at `position` is applied. Rejects with `unavailable` after `orderTimes.readDeadlineMs`,
   * and at once if too many wait.
   */
  whenPosition(position: Position): Promise<void> {
    if (position <= this.#position) return Promise.resolve();
    if (this.#closed) return Promise.reject(stopping());
    if (this.#forPosition.length >= waitersMax) {
      return Promise.reject(new OperatingFailure("unavailable", "Too many wait for a position."));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const deadlineMs = performance.now() + orderTimes.readDeadlineMs;
    this.#forPosition.push({ until: position, resolve, reject, deadlineMs });
    this.#sweep ??= setInterval(() => this.#expire(), sweepMs);
    return promise;
  }

  /** Nothing more will be applied. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const { reject } of [...this.#forIndex, ...this.#forPosition]) reject(stopping());
    this.#forIndex = [];
    this.#forPosition = [];
  }

  #expire(): void {
    const now = performance.now();
    const waiters = this.#forPosition;
    let due = 0;
    while (due < waiters.length && (waiters[due] as TimedWaiter).deadlineMs <= now) due++;
    for (const { until, reject } of waiters.slice(0, due)) {
      reject(new OperatingFailure("unavailable", `Position ${until} is not reached yet.`));
    }
    this.#forPosition = waiters.slice(due);
    if (this.#forPosition.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

function stopping(): OperatingFailure {
  return new OperatingFailure("unavailable", "This replica is stopping.");
}

function wake<W extends Waiter>(waiters: readonly W[], reached: number): W[] {
  return waiters.filter(({ until, resolve }) => {
    if (until > reached) return true;
    resolve();
    return false;
  });
}
