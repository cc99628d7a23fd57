/** Processes killed and stopped, by signals, as the world does it. */
import { setTimeout as sleep } from "node:timers/promises";
import { present } from "../base/assert.ts";
import { integerBetween, type Random } from "../base/random.ts";
import type { Happenings } from "./happenings.ts";
import type { OwnMarket, ProcessRow } from "./own-market.ts";

const momentMsMax = 350;
const stillBeforeMs = 20;

export class Signals {
  readonly #market: OwnMarket;
  readonly #happenings: Happenings;

  constructor(market: OwnMarket, happenings: Happenings) {
    this.#market = market;
    this.#happenings = happenings;
  }

  kill(rows: readonly ProcessRow[]): void {
    for (const { pid } of rows) if (pid !== null) this.#happenings.doom(pid);
    this.#market.signal("SIGKILL", rows);
  }

  /** The first while the others stand still. */
  async killUnseen([first, ...others]: readonly ProcessRow[], ms: number): Promise<void> {
    const still = this.pause(others, ms);
    await sleep(stillBeforeMs);
    this.kill([present(first, "a leader")]);
    await still;
  }

  async pause(rows: readonly ProcessRow[], ms: number): Promise<void> {
    this.#market.signal("SIGSTOP", rows);
    try {
      await sleep(ms);
    } finally {
      this.#market.signal("SIGCONT", rows);
    }
  }

  /** One at a time, for about as long as leases and elections take, and for as long not. */
  async stutter(rows: readonly ProcessRow[], random: Random, ms: number): Promise<void> {
    const over = performance.now() + ms;
    while (performance.now() < over) {
      const row = present(rows[integerBetween(random, 0, rows.length - 1)], "a process");
      await this.pause([row], random() * momentMsMax);
      await sleep(random() * momentMsMax);
    }
  }
}
