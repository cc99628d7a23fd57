/**
 * How long a simulated disk takes. What needs no sync is quick: all that is asked for until the disk answers the first
 * of it is answered in that one *round*, so it costs one event. A sync takes a time of its own, now and then a long
 * one. A disk that hangs answers nothing until it goes on.
 */
import type { Random } from "../base/random.ts";

/** Milliseconds. Settable while the disk is in use. */
export interface DiskLatency {
  /** The round of what needs no sync: between these. */
  quickMs: readonly [least: number, most: number];
  /** A sync takes between half of it and one and a half. */
  syncMs: number;
  /** How likely a sync stalls, and for how long then. */
  stallChance: number;
  stallMs: readonly [least: number, most: number];
}

function drawLatency(random: Random): DiskLatency {
  return {
    quickMs: [0.005, 0.05],
    // From a good NVMe disk to a poor one in a virtual machine.
    syncMs: 0.2 * 10 ** random(),
    stallChance: 0.001,
    stallMs: [5, 150],
  };
}

/** Runs later, in virtual time, as an event of the process that uses the disk: it may be lost with its life. */
export type After = (ms: number, run: () => void) => void;

export class DiskTimes {
  readonly #random: Random;
  readonly #after: After;
  readonly #worldAfter: After;
  readonly latency: DiskLatency;
  /** All times are multiplied by it. */
  factor = 1;
  #round: (() => void)[] = [];
  #hangs = 0;
  #held: (() => void)[] = [];

  /** `worldAfter` runs whatever becomes of the process. */
  constructor(random: Random, after: After, worldAfter: After) {
    this.#random = random;
    this.#after = after;
    this.#worldAfter = worldAfter;
    this.latency = drawLatency(random);
  }

  readonly #endRound = (): void => {
    const round = this.#round;
    this.#round = [];
    for (const run of round) this.#end(run);
  };

  quick(run: () => void): void {
    if (this.#round.push(run) > 1) return;
    this.#after(this.#between(this.latency.quickMs), this.#endRound);
  }

  /** `moreMs`: what there is to write besides, on a disk that is not slowed down. */
  sync(run: () => void, moreMs = 0): void {
    const { latency } = this;
    let ms = latency.syncMs * (0.5 + this.#random()) * this.factor + moreMs * this.factor;
    if (latency.stallChance > 0 && this.#random() < latency.stallChance) ms += this.#between(latency.stallMs);
    this.#after(ms, () => this.#end(run));
  }

  /** No delay of the disk's: the process's own, as a timer has it. */
  timer(ms: number, run: () => void): void {
    this.#after(ms, run);
  }

  #between([least, most]: readonly [number, number]): number {
    return (least + this.#random() * (most - least)) * this.factor;
  }

  #end(run: () => void): void {
    if (this.#hangs > 0) this.#held.push(run);
    else run();
  }

  /** Nothing is answered for so long. Hangs may overlap: then until the last one ends. */
  hang(ms: number): void {
    this.#hangs++;
    this.#worldAfter(ms, () => {
      if (--this.#hangs > 0) return;
      const held = this.#held;
      this.#held = [];
      // In the process's own turn.
      for (const run of held) this.quick(run);
    });
  }

  /** The process is gone, and with it all that it waits for. */
  forget(): void {
    this.#round = [];
    this.#held = [];
  }
}
