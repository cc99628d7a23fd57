/**
 * A disk that says once that it could not sync. What it holds then nobody knows, and asking again proves nothing: the
 * process that was told so ends, is started again, and reads what is there; clients that retry notice nothing more.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { cannotFailSync, FailedSync } from "../../src/torture/failed-sync.ts";
import type { Market } from "./market.test-support.ts";
import { agree, opened, replicaDirectory, segmentsOf } from "./recovery.test-support.ts";
import { Timeline } from "./timeline.test-support.ts";

/** The file that a replica's log is written to. */
function openSegment(market: Market, name: string): string {
  return present(segmentsOf(market.logDirectory(name)).at(-1), "a segment").path;
}

const cases = [
  { name: "the leader's log", who: async (market: Market) => await market.leader(), file: openSegment },
  {
    name: "a follower's log",
    who: async (market: Market) => present((await market.followers())[0], "a follower"),
    file: openSegment,
  },
  {
    name: "a follower's database",
    who: async (market: Market) => present((await market.followers())[0], "a follower"),
    file: (market: Market, name: string) => `${replicaDirectory(market, name)}/orders.sqlite-wal`,
  },
] as const;

test("a replica whose disk fails a sync ends and starts again, and clients that retry lose nothing", {
  skip: cannotFailSync,
}, async (t) => {
  const { market, ledger } = await opened(t);
  const timeline = await Timeline.watch(market);
  for (const { name, who, file } of cases) {
    await t.test(name, async (t) => {
      await ledger.place(20);
      await market.whole();
      const victim = await who(market);
      const { pid, restarts } = await market.process(victim);
      const exited = timeline.next(victim, "process-exited");
      const ready = timeline.next(victim, "process-ready");
      market.causeEnd(victim);
      const failing = await FailedSync.attach(present(pid, "its pid"), file(market, victim));
      t.after(() => failing.close());
      await ledger.place(200);
      const { code, wanted } = await exited;
      assert.deepEqual([code, wanted], [1, false]);
      await ready;
      await ledger.place(20);
      await agree(market, ledger);
      assert.equal((await market.process(victim)).restarts, restarts + 1);
    });
  }
});
