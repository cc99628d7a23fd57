/**
 * A market for proofs of the cache: more items than a front-end keeps replies, in topics, so that lists differ; of most
 * there is more than a proof can sell, of some so little that they run out again and again.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MarketOptions } from "../processes/market.test-support.ts";

export const topics = ["north", "east", "south", "west"] as const;
const itemsPerTopic = 20;
const plenty = 1_000_000;
const few = 20;

const items = Array.from({ length: topics.length * itemsPerTopic }, (_, i) => {
  const topic = topics[i % topics.length];
  const number = Math.floor(i / topics.length) + 1;
  const name = `${topic}-${String(number).padStart(2, "0")}`;
  return { name, topic, priceMinor: 100 + 7 * i, quantity: number === itemsPerTopic ? few : plenty };
});

export const names: readonly string[] = items.map(({ name }) => name);

/** The first of each topic: what most ask for, and order, all the time. */
export const hotNames = names.slice(0, topics.length);

export function topicOf(name: string): string {
  return name.slice(0, name.indexOf("-"));
}

/** The market's file, and what a market of these wares, with two front-ends and two catalogs, is started with. */
export class Wares {
  readonly #directory = mkdtempSync(join(tmpdir(), "bazaar-wares-"));
  readonly options: MarketOptions;

  constructor() {
    const file = join(this.#directory, "market.json");
    writeFileSync(file, JSON.stringify({ name: "wares", resource: "wares", sides: ["buy", "sell"], items }));
    this.options = { frontends: 2, catalogs: 2, cache: 64, words: ["--market", file] };
  }

  /** Not before the market has ended for good. */
  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
