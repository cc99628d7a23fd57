/**
 * A leader that stands still while another is elected, and then wakes up believing that it leads: it must show nobody
 * anything old. Every read and order is recorded and the history judged; then the very same history is falsified in
 * several ways, and each falsification must be noticed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Operation } from "../../src/check/history.ts";
import type { RunningShop } from "../../src/shopper/main.ts";
import { DirectReaders } from "../../src/torture/direct-readers.ts";
import { eventually, type Market } from "../processes/market.test-support.ts";
import { needFalsifiable } from "./falsify.ts";
import type { Findings } from "./findings.ts";
import { progress, underLoad } from "./under-load.ts";

export interface PauseOptions {
  readonly times: number;
  /** How long the leader stands still, at least; it always is until another one has been at work. */
  readonly seconds: number;
  readonly clients: number;
  readonly rate?: number;
}

/** Few items: the same ones are read and ordered all the time. */
const items = ["FishCo", "LanternWorks", "MossAndMoor"];
const ordersUnderTheNext = 20;

export async function provePauses(market: Market, options: PauseOptions, findings: Findings): Promise<void> {
  const { times, seconds, clients, rate } = options;
  const mixed = { mode: "mixed", p: 0.4, items, clients, ...(rate !== undefined && { rate }) } as const;
  let directReads = 0;
  const loaded = await underLoad(market, mixed, findings, async (shop) => {
    const reads: Operation[] = [];
    const ports = [...(await market.ports("order")).values()];
    const reading = { cluster: market.cluster, ports, items, readersPerReplica: 4, askEveryMs: 10 };
    const readers = new DirectReaders(reading, {
      read: (operation) => reads.push(operation as Operation),
      missing: (item) => findings.faults.push(`a replica does not know ${item}`),
    });
    try {
      for (let i = 0; i < times; i++) await pauseOnce(market, shop, seconds);
      await market.whole();
    } finally {
      readers.close();
    }
    directReads = reads.length;
    return reads;
  });
  const { report, history } = loaded;
  findings.figure("pauses", times);
  findings.figure("orders placed", report.ordersPlaced);
  findings.figure("reads", report.requests.read?.count ?? 0);
  findings.figure("reads of a replica itself", directReads);
  findings.figure("orders verified", report.ordersVerified);
  findings.figure("errors seen by clients", report.errors);
  needFalsifiable(history, false, findings);
  findings.none(await market.differences("--deep"));
}

async function pauseOnce(market: Market, shop: RunningShop, seconds: number): Promise<void> {
  await market.whole();
  const leader = await market.leader();
  const least = sleep(seconds * 1_000);
  await market.pause(leader);
  try {
    await eventually("another leader", async () => {
      const now = (await market.status()).leader;
      return now !== null && now !== leader;
    });
    await progress(shop, ordersUnderTheNext);
    await least;
  } finally {
    await market.resume(leader);
  }
  await progress(shop, ordersUnderTheNext);
}
