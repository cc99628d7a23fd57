/**
 * A token schedule that all clients share: one token each 1/rate seconds. After a stall the tokens that nobody could
 * use are lost, but for one: a service that comes back is not met by a burst.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ClockNs } from "../client/clock.ts";

export class Pacer {
  readonly #intervalNs: number;
  readonly #clock: ClockNs;
  #nextNs: number;

  constructor(perSecond: number, clock: ClockNs) {
    this.#intervalNs = 1e9 / perSecond;
    this.#clock = clock;
    this.#nextNs = clock();
  }

  /** The instant of the next token. A pure step of the schedule, apart from the waiting. */
  reserve(nowNs: number): number {
    // A timer may be late by a few milliseconds: so much is caught up, no more.
    const at = Math.max(this.#nextNs, nowNs - Math.max(this.#intervalNs, lateMaxNs));
    this.#nextNs = at + this.#intervalNs;
    return at;
  }

  /** Wait for a token; rejects when `signal` is aborted. */
  async take(signal: AbortSignal): Promise<void> {
    const now = this.#clock();
    const waitMs = (this.reserve(now) - now) / 1e6;
    if (waitMs > 0.5) await sleep(waitMs, undefined, { signal });
  }
}

/** How far behind the schedule tokens are kept. */
const lateMaxNs = 5e6;
