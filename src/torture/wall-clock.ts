/**
 * The wall clock of all processes of a market, which can be set: libfaketime, loaded into each, reads from a file how
 * wrong it is to be. The monotonic clock, by which everything is timed, stays the machine's own.
 */
import { existsSync, globSync, writeFileSync } from "node:fs";
import { integerBetween, type Random } from "../base/random.ts";

const library = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1").find((path) => existsSync(path));

/** False where it can be done, else why not. */
export const cannotSetClock: string | false =
  library === undefined ? "needs libfaketime: apt-get install faketime" : false;

const hourSeconds = 3_600;
const yearSeconds = 365 * 24 * hourSeconds;
/** How far it may be off: from what a time server mends, to what a flat battery does. */
const offsetsSeconds = [1, 30, hourSeconds, 24 * hourSeconds, yearSeconds] as const;

export class WallClock {
  readonly #file: string;
  #offsetSeconds = 0;
  /** The furthest that it has been ahead. */
  #furthestSeconds = 0;

  /** `file`: where it keeps how wrong it is; made. */
  constructor(file: string) {
    this.#file = file;
    this.set(0);
  }

  /** What makes a process, and all that it starts, go by this clock. */
  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: library ?? "",
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      // Seconds of its own for which a process goes by what it read last.
      FAKETIME_CACHE_DURATION: "1",
    };
  }

  set(offsetSeconds: number): void {
    this.#offsetSeconds = offsetSeconds;
    this.#furthestSeconds = Math.max(this.#furthestSeconds, offsetSeconds);
    writeFileSync(this.#file, `${offsetSeconds < 0 ? "-" : "+"}${Math.abs(offsetSeconds)}\n`);
  }

  /**
   * Show no less than it has ever shown: a replica that loses its disk numbers its lives by it, and that it recovers at
   * once is not promised where the clock was set back since it lost one before. Says so if it had to be set.
   */
  catchUp(): string {
    if (this.#offsetSeconds === this.#furthestSeconds) return "";
    this.set(this.#furthestSeconds);
    return `, wall clocks ${this.#furthestSeconds} s off from then on`;
  }

  /** Forward or back. Says how far. */
  jump(random: Random): string {
    const size = offsetsSeconds[integerBetween(random, 0, offsetsSeconds.length - 1)] ?? 1;
    const offset = random() < 0.5 ? -size : size;
    this.set(offset);
    return `wall clocks ${offset} s off`;
  }
}
