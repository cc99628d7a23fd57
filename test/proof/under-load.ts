/**
 * Breaking a market while shoppers shop there, and judging everything that they saw: no error that a user would have
 * seen, every acknowledged order as it was acknowledged, and the whole recorded history linearizable, values exact.
 */
import { appendFile, readFile } from "node:fs/promises";
import type { Operation } from "../../src/check/history.ts";
import { formatVerdict, verifyHistory } from "../../src/check/main.ts";
import { type RunningShop, startShop } from "../../src/shopper/main.ts";
import type { ShopOptions } from "../../src/shopper/options.ts";
import type { ShopReport } from "../../src/shopper/report.ts";
import { eventually, type Market } from "../processes/market.test-support.ts";
import type { Findings } from "./findings.ts";

/** Violations told of a history; the file is gone with the market. */
const toldCharacters = 4_000;

export interface Loaded {
  readonly report: ShopReport;
  /** The recorded history: JSON Lines with a header. */
  readonly history: string;
}

/**
 * For as long as the shop runs, nobody else may change items of the market. `breakIt` returns what others have read
 * meanwhile, to be judged together with what the shoppers saw.
 */
export async function underLoad(
  market: Market,
  options: Partial<ShopOptions>,
  findings: Findings,
  breakIt: (shop: RunningShop) => Promise<readonly Operation[]>,
): Promise<Loaded> {
  const record = market.file("history.jsonl");
  const endless = { seconds: 24 * 60 * 60 };
  const shop = startShop({ url: market.url, sides: "mix", alone: true, ...endless, ...options, record });
  // It is awaited below; until then its failure must not end the process.
  shop.done.catch(() => undefined);
  let reads: readonly Operation[];
  try {
    await progress(shop, 1);
    reads = await breakIt(shop);
    await progress(shop, 1);
  } catch (error) {
    // Whatever failed, the market is about to end: shoppers would ask it for half a minute.
    shop.abandon();
    await shop.done.catch(() => undefined);
    throw error;
  }
  shop.stop();
  const report = await shop.done;
  const { errors, errorMessages, mismatchesTotal, mismatches } = report;
  findings.need(errors === 0, `${errors} errors that a user would have seen: ${errorMessages.join("; ")}`);
  findings.need(mismatchesTotal === 0, `${mismatchesTotal} mismatches: ${JSON.stringify(mismatches)}`);
  findings.need(
    report.ordersVerified >= report.ordersPlaced,
    `${report.ordersPlaced} orders were placed and only ${report.ordersVerified} verified`,
  );
  await appendFile(record, reads.map((read) => `${JSON.stringify(read)}\n`).join(""));
  const verdict = await verifyHistory(record);
  if (verdict.kind !== "ok") findings.faults.push(formatVerdict(verdict).slice(0, toldCharacters));
  return { report, history: await readFile(record, "utf8") };
}

/** Wait until so many more orders were acknowledged. */
export async function progress(shop: RunningShop, orders: number): Promise<void> {
  const target = shop.placed() + orders;
  const failed = shop.done.then(() => undefined);
  const enough = eventually(`${orders} more orders`, () => shop.placed() >= target, 60_000);
  await Promise.race([enough, failed.then(() => enough)]);
}

/** Wait until orders are under way. Resolves to their number. */
export async function inFlight(shop: RunningShop): Promise<number> {
  return await eventually("orders in flight", () => shop.inFlight() || undefined, 60_000);
}
