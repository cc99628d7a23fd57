/**
 * Read points for reads without a lease: the leader's position as of a barrier, one question for all reads that came
 * before it was sent. While one is under way, the next collects. Pure: the caller asks, and times are arguments.
 */
import { cacheLimits } from "./limits.ts";

interface Waiter<Reader> {
  readonly reader: Reader;
  readonly deadlineMs: number;
}

export class Barriers<Reader> {
  /** For whom the question under way was asked. */
  #asked: Waiter<Reader>[] | undefined;
  #askedUntilMs = 0;
  #collecting: Waiter<Reader>[] = [];

  get size(): number {
    return this.#collecting.length + (this.#asked?.length ?? 0);
  }

  /** False, and it does not wait, if too many do. */
  join(reader: Reader, deadlineMs: number): boolean {
    if (this.size >= cacheLimits.barrierReaders) return false;
    this.#collecting.push({ reader, deadlineMs });
    return true;
  }

  /** The deadline of the barrier that is to be asked for now; undefined: none is. */
  next(): number | undefined {
    if (this.#asked !== undefined || this.#collecting.length === 0) return undefined;
    this.#asked = this.#collecting;
    this.#collecting = [];
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#asked) earliestMs = Math.min(earliestMs, deadlineMs);
    this.#askedUntilMs = earliestMs;
    return earliestMs;
  }

  /**
   * The barrier was passed, and all whom it was for go on; or it was not by its deadline: who has time left waits for
   * the next one. A failure before the deadline is one for all. The caller looks at `next` afterwards.
   */
  settled(
    nowMs: number,
    passed: boolean,
  ): { readonly passed: readonly Reader[]; readonly failed: readonly Reader[] } {
    const asked = this.#asked ?? [];
    this.#asked = undefined;
    if (passed) return { passed: asked.map(({ reader }) => reader), failed: [] };
    const failed: Reader[] = [];
    const waiting: Waiter<Reader>[] = [];
    for (const waiter of asked) {
      if (nowMs < this.#askedUntilMs || waiter.deadlineMs <= nowMs) failed.push(waiter.reader);
      else waiting.push(waiter);
    }
    this.#collecting = waiting.length === 0 ? this.#collecting : [...waiting, ...this.#collecting];
    return { passed: [], failed };
  }
}
