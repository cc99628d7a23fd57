/** Leaders, and then everything, killed while orders are in flight: nothing is lost, and no client sees an error. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicNs } from "../../src/client/clock.ts";
import { answerTimes, longestGapMs, quantile } from "../../src/torture/gaps.ts";
import { metric } from "../processes/http.test-support.ts";
import type { Market } from "../processes/market.test-support.ts";
import type { Findings } from "./findings.ts";
import { inFlight, progress, underLoad } from "./under-load.ts";

export interface KillOptions {
  readonly times: number;
  /** The kills are spread over so long, at random moments; 0: each as soon as the market is whole again. */
  readonly seconds: number;
  readonly clients: number;
  readonly rate?: number;
}

/** P6 says "a second or so" from the kill of a leader to the next answer. */
const gapMsMax = 2_000;
/** A gap belongs to a kill if it ends within this. */
const gapWithinNs = 5e9;

const rounded = (ms: number): number => Math.round(ms * 10) / 10;

interface Breaking {
  readonly options: KillOptions;
  /** Breaks something; the market must be whole when it begins. */
  readonly strike: () => Promise<void>;
}

/** Returns the longest gap between answers after a strike, in milliseconds. */
async function strikes(
  market: Market,
  { options, strike }: Breaking,
  findings: Findings,
  load: Parameters<typeof underLoad>[1],
): Promise<number> {
  const { times, seconds } = options;
  const flights: number[] = [];
  const moments: number[] = [];
  const { report, history } = await underLoad(market, load, findings, async (shop) => {
    const began = performance.now();
    for (let i = 0; i < times; i++) {
      await market.whole();
      const dueMs = began + ((i + Math.random()) * seconds * 1_000) / times;
      await sleep(Math.max(0, dueMs - performance.now()));
      flights.push(await inFlight(shop));
      moments.push(monotonicNs());
      await strike();
      await progress(shop, 10);
    }
    await market.whole();
    await sleep(Math.max(0, began + seconds * 1_000 - performance.now()));
    return [];
  });
  const ends = answerTimes(history);
  const gaps = moments.map((at, i) => {
    return longestGapMs(ends, at, Math.min(at + gapWithinNs, moments[i + 1] ?? Infinity));
  });
  findings.figure("kills", moments.length);
  findings.figure("orders in flight at each", flights.join(" "));
  findings.figure("rounds a second", Math.round(report.roundsPerSecond));
  findings.figure("orders placed", report.ordersPlaced);
  findings.figure("orders verified", report.ordersVerified);
  findings.figure("errors seen by clients", report.errors);
  findings.figure("mismatches", report.mismatchesTotal);
  findings.figure("orders resent by clients", report.ordersResent);
  findings.figure("orders answered from memory", report.ordersReplayed);
  findings.figure("longest gap between answers, ms", rounded(longestGapMs(ends)));
  findings.figure("gap after a kill, p50, ms", rounded(quantile(gaps, 0.5)));
  findings.figure("gap after a kill, max, ms", rounded(Math.max(...gaps)));
  findings.need(
    flights.every((count) => count > 0),
    "a kill found no order in flight",
  );
  findings.none(await market.differences("--deep"));
  return Math.max(...gaps);
}

function loadOf({ clients, rate }: KillOptions): Parameters<typeof underLoad>[1] {
  return rate === undefined ? { clients } : { clients, rate };
}

export async function killLeaders(market: Market, options: KillOptions, findings: Findings): Promise<void> {
  const strike = async (): Promise<void> => await market.kill(await market.leader());
  const longestMs = await strikes(market, { options, strike }, findings, loadOf(options));
  const resent = await metric(market.url, "bazaar_orders_resent_total");
  findings.figure("orders resent by the front-end", resent);
  findings.timely(longestMs <= gapMsMax, `after a kill nobody was answered for ${rounded(longestMs)} ms`);
}

/** Followers and front-ends by name. */
export async function killNamed(
  market: Market,
  name: () => Promise<string>,
  options: KillOptions,
  findings: Findings,
): Promise<void> {
  const strike = async (): Promise<void> => await market.kill(await name());
  await strikes(market, { options, strike }, findings, loadOf(options));
}

/** Every replica and the front-end at once: only what is on disk survives. */
export async function killEverything(
  market: Market,
  options: KillOptions,
  findings: Findings,
): Promise<void> {
  await strikes(market, { options, strike: () => market.killEverything() }, findings, loadOf(options));
}
