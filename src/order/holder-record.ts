/**
 * How quick each front-end has been to acknowledge, by its name, over connections and sessions. Every write waits for
 * every holder: so one that keeps writes waiting is left without a lease for a while, and longer each time. It answers
 * all the same meanwhile, asking for what it would have kept.
 */

export const slowHolders = {
  /** An acknowledgement that takes longer has kept writes waiting. A healthy holder takes a millisecond or two. */
  slowMs: 100,
  /** Without a lease for so long, and twice as long each further time, up to the most. */
  penaltyMs: 1_000,
  penaltyMsMax: 16_000,
  /** After so long without being slow it is as good as new. */
  forgivenMs: 60_000,
  /** Names that are remembered; the oldest are forgotten first. */
  names: 64,
} as const;

interface Penalty {
  barredUntil: number;
  penaltyMs: number;
}

export class HolderRecords {
  readonly #records = new Map<string, Penalty>();

  /** Whether it may have a lease now. */
  admits(name: string, now: number): boolean {
    const penalty = this.#records.get(name);
    return penalty === undefined || now >= penalty.barredUntil;
  }

  /** It kept writes waiting. While it is barred nothing is added. */
  wasSlow(name: string, now: number): void {
    const before = this.#records.get(name);
    if (before !== undefined && now < before.barredUntil) return;
    const forgiven = before === undefined || now - before.barredUntil > slowHolders.forgivenMs;
    const penaltyMs = forgiven
      ? slowHolders.penaltyMs
      : Math.min(before.penaltyMs * 2, slowHolders.penaltyMsMax);
    this.#records.delete(name);
    this.#records.set(name, { barredUntil: now + penaltyMs, penaltyMs });
    const [oldest] = this.#records.keys();
    if (oldest !== undefined && this.#records.size > slowHolders.names) this.#records.delete(oldest);
  }
}
