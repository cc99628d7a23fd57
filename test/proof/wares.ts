/** The market of the proofs of the cache (src/torture/wares.ts) as a file, and what it is started with. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { wares } from "../../src/torture/wares.ts";
import type { MarketOptions } from "../processes/market.test-support.ts";

/** The market's file, and what a market of these wares, with two front-ends and two catalogs, is started with. */
export class Wares {
  readonly #directory = mkdtempSync(join(tmpdir(), "bazaar-wares-"));
  readonly options: MarketOptions;

  constructor() {
    const file = join(this.#directory, "market.json");
    writeFileSync(file, JSON.stringify(wares));
    this.options = { frontends: 2, catalogs: 2, cache: 64, words: ["--market", file] };
  }

  /** Not before the market has ended for good. */
  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
