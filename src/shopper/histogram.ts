/**
 * Latencies in fixed memory: buckets of constant relative width, as in HDR histograms (Gil Tene). 64 buckets for each
 * doubling, so a percentile is at most 1.6 % too high; the mean and the maximum are exact.
 */

const perDoubling = 64;
const doublings = 32;

export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class Histogram {
  readonly #counts = new Uint32Array(perDoubling * (doublings + 1));
  #count = 0;
  #sumNs = 0;
  #maxNs = 0;

  /** Buckets are of microseconds, the first 64 one wide. */
  record(ns: number): void {
    const bucket = bucketOf(Math.floor(ns / 1_000));
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count++;
    this.#sumNs += ns;
    if (ns > this.#maxNs) this.#maxNs = ns;
  }

  /** The upper end of the bucket in which the share lies, never above the maximum. */
  percentileMs(share: number): number {
    const rank = Math.ceil(this.#count * share);
    let passed = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      passed += this.#counts[bucket] as number;
      if (passed >= rank && passed > 0) return Math.min(upperEndUs(bucket) / 1_000, this.#maxNs / 1e6);
    }
    return 0;
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      meanMs: this.#count === 0 ? 0 : this.#sumNs / this.#count / 1e6,
      p50Ms: this.percentileMs(0.5),
      p99Ms: this.percentileMs(0.99),
      maxMs: this.#maxNs / 1e6,
    };
  }
}

function bucketOf(us: number): number {
  if (us < perDoubling) return Math.max(0, us);
  const doubling = Math.min(doublings, Math.floor(Math.log2(us)) - 5);
  const within = Math.floor(us / 2 ** (doubling - 1)) - perDoubling;
  return doubling * perDoubling + Math.min(perDoubling - 1, Math.max(0, within));
}

function upperEndUs(bucket: number): number {
  if (bucket < perDoubling) return bucket + 1;
  const doubling = Math.floor(bucket / perDoubling);
  return (perDoubling + (bucket % perDoubling) + 1) * 2 ** (doubling - 1);
}
