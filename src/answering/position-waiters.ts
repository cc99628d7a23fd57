/** How far somebody has come in the market's history, and who waits for him to come further. */
import { assert } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import { orderTimes } from "../base/limits.ts";
import type { Position } from "../base/units.ts";

interface Waiter {
  readonly until: Position;
  readonly deadlineMs: number;
  readonly resolve: () => void;
  readonly reject: (failure: OperatingFailure) => void;
}

/** Who may wait at a time; one more is refused. */
const waitersMax = 10_000;
/** How often deadlines are looked at. */
const sweepMs = 50;

export class PositionWaiters {
  readonly #now: () => number;
  #position: Position;
  /** All wait equally long, so they are in the order of their deadlines. */
  #waiters: Waiter[] = [];
  /** The lowest position that anybody waits for: most steps wake nobody. */
  #lowest = Number.POSITIVE_INFINITY;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(position: Position, now: () => number = () => performance.now()) {
    this.#position = position;
    this.#now = now;
  }

  /** Never falls. */
  get position(): Position {
    return this.#position;
  }

  /** The position is now this one, however far ahead of the last. */
  advance(position: Position): void {
    assert(position >= this.#position, () => `from position ${this.#position} back to ${position}`);
    this.#position = position;
    if (position < this.#lowest) return;
    const due = this.#waiters.filter(({ until }) => until <= position);
    this.#keep(this.#waiters.filter(({ until }) => until > position));
    for (const { resolve } of due) resolve();
  }

  /**
   * Resolves once the position is at least this one. Rejects with `unavailable` after `orderTimes.readDeadlineMs`, and
   * at once if too many wait.
   */
  whenPosition(position: Position): Promise<void> {
    if (position <= this.#position) return Promise.resolve();
    if (this.#closed) return Promise.reject(stopping());
    if (this.#waiters.length >= waitersMax) {
      return Promise.reject(new OperatingFailure("unavailable", "Too many wait for a position."));
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const deadlineMs = this.#now() + orderTimes.readDeadlineMs;
    this.#waiters.push({ until: position, deadlineMs, resolve, reject });
    this.#lowest = Math.min(this.#lowest, position);
    this.#sweep ??= setInterval(() => this.#expire(), sweepMs);
    return promise;
  }

  /** Nobody will come further: who waits is told `unavailable`. */
  close(): void {
    this.#closed = true;
    const waiters = this.#waiters;
    this.#keep([]);
    for (const { reject } of waiters) reject(stopping());
  }

  #expire(): void {
    const now = this.#now();
    const alive = this.#waiters.findIndex(({ deadlineMs }) => deadlineMs > now);
    const due = alive === -1 ? this.#waiters : this.#waiters.slice(0, alive);
    if (due.length === 0) return;
    this.#keep(alive === -1 ? [] : this.#waiters.slice(alive));
    for (const { until, reject } of due) {
      reject(new OperatingFailure("unavailable", `Position ${until} is not reached yet.`));
    }
  }

  #keep(waiters: Waiter[]): void {
    this.#waiters = waiters;
    this.#lowest = waiters.reduce((low, { until }) => Math.min(low, until), Number.POSITIVE_INFINITY);
    if (waiters.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

/** What one who is closed tells those that still wait. */
export function stopping(): OperatingFailure {
  return new OperatingFailure("unavailable", "This process is stopping.");
}
