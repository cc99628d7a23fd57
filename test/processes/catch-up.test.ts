/**
 * A replica that was away comes back: by the log, and, when the others no longer have what it lacks, by a copy of their
 * state, while orders flow; also when the copy breaks off on either side. The long form: `npm run proof -- catch-up`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { proveCatchUp } from "../proof/catch-up.ts";
import { Findings } from "../proof/findings.ts";
import type { Ledger } from "./ledger.test-support.ts";
import type { Market } from "./market.test-support.ts";
import { agree, opened, outgrowLogs, shortLog, whileOrdersFlow } from "./recovery.test-support.ts";
import { Timeline } from "./timeline.test-support.ts";

test("a replica that was down while 5,000 orders were placed comes back by the log", async (t) => {
  const { market } = await opened(t);
  const findings = new Findings(t.name);
  await proveCatchUp(market, { orders: 5_000, by: "log" }, findings);
  assert.deepEqual(findings.faults, []);
});

/** The size of what is copied: some ranges. */
const wideOrders = 3_000;

interface Away {
  readonly market: Market;
  readonly ledger: Ledger;
  readonly timeline: Timeline;
  readonly victim: string;
}

/** From here on only a copy can bring the replica back. */
async function beLongAway({ market, ledger, timeline, victim }: Away): Promise<void> {
  await market.hold(victim);
  await ledger.place(wideOrders, { wide: true });
  await outgrowLogs(market, ledger, timeline, victim);
}

/** How often a kill may come too late: the copy is short, and this process may have to wait for its turn. */
const attempts = 5;

/** Kill one side as soon as a copy has begun. */
async function interruptCopy(away: Away, sideOf: (copy: { readonly from: string }) => string): Promise<void> {
  const { market, timeline, victim } = away;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const pids = new Map<string, number>();
    for (const { name, pid } of (await market.status()).processes) if (pid !== null) pids.set(name, pid);
    void timeline.next(victim, "process-started").then(({ pid }) => pids.set(victim, pid));
    const begun = timeline.next(victim, "snapshot-started");
    const installed = timeline.next(victim, "snapshot-installed");
    const before = timeline.of(victim, "snapshot-installed").length;
    await market.start(victim);
    const side = sideOf(await begun);
    const exited = timeline.next(side, "process-exited");
    market.causeEnd(side);
    process.kill(present(pids.get(side), `the pid of ${side}`), "SIGKILL");
    await exited;
    const inTime = timeline.of(victim, "snapshot-installed").length === before;
    await installed;
    await market.whole();
    if (inTime) return;
    await beLongAway(away);
  }
  throw new Error(`${attempts} copies were complete before anybody could be killed`);
}

test("a replica that was down for longer than the log is kept copies another's state while orders flow", async (t) => {
  const { market, ledger } = await opened(t, shortLog);
  const timeline = await Timeline.watch(market);
  const victim = present((await market.followers())[0], "a follower");
  const away: Away = { market, ledger, timeline, victim };

  await t.test("and is whole again", async () => {
    await beLongAway(away);
    await whileOrdersFlow(ledger, async () => {
      const installed = timeline.next(victim, "snapshot-installed");
      await market.start(victim);
      await installed;
      await market.whole();
    });
    await agree(market, ledger);
    assert.match(
      market.said,
      new RegExp(`^${victim}: has the state at position \\d+, copied from order-`, "m"),
    );
  });

  await t.test("also if it is killed in the middle of the copy", async () => {
    await beLongAway(away);
    await whileOrdersFlow(ledger, () => interruptCopy(away, () => victim));
    await agree(market, ledger);
  });

  await t.test("also if the source is killed in the middle of the copy", async () => {
    await beLongAway(away);
    await whileOrdersFlow(ledger, () => interruptCopy(away, ({ from }) => from));
    await agree(market, ledger);
  });
});
