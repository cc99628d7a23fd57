/**
 * A replica that was away while many orders were placed comes back while more are placed: by the log while the others have
 * what it lacks, by a copy of another's state when they do not.
 */
import { present } from "../../src/base/assert.ts";
import { Ledger } from "../processes/ledger.test-support.ts";
import type { Market } from "../processes/market.test-support.ts";
import { agree, outgrowLogs, whileOrdersFlow } from "../processes/recovery.test-support.ts";
import { Timeline } from "../processes/timeline.test-support.ts";
import type { Findings } from "./findings.ts";

export interface CatchUpOptions {
  readonly orders: number;
  /** By a copy: then the market must keep little of its log. */
  readonly by: "log" | "copy";
}

/** What was missed so slowly caught up with, while more comes, that it hardly shortens. */
const ordersPerSecondMin = 1_000;
const startMs = 10_000;

export async function proveCatchUp(
  market: Market,
  { orders, by }: CatchUpOptions,
  findings: Findings,
): Promise<void> {
  const ledger = new Ledger(market);
  const timeline = await Timeline.watch(market);
  await ledger.place(10);
  const victim = present((await market.followers())[0], "a follower");
  await market.hold(victim);
  await ledger.place(orders);
  if (by === "copy") await outgrowLogs(market, ledger, timeline, victim);
  const missed = ledger.acknowledged;
  const started = performance.now();
  let tookMs = 0;
  await whileOrdersFlow(ledger, async () => {
    await market.start(victim);
    await market.whole();
    tookMs = Math.round(performance.now() - started);
  });
  findings.figure("orders missed", missed);
  findings.figure("orders placed meanwhile", ledger.acknowledged - missed);
  findings.figure("start until it had what was there when it was asked, ms", tookMs);
  const copies = timeline.of(victim, "snapshot-installed").length;
  findings.need(
    (by === "copy") === copies > 0,
    `it has copied ${copies} states, and was to come back by ${by}`,
  );
  findings.timely(
    tookMs <= startMs + (orders / ordersPerSecondMin) * 1_000,
    `it took ${tookMs} ms to come back`,
  );
  await agree(market, ledger);
  findings.figure("acknowledged orders, all there with their facts", ledger.acknowledged);
}
