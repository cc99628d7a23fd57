/** Processes are killed while orders are in flight. The long form: `npm run proof -- leader-kills`. */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { Findings } from "../proof/findings.ts";
import { type KillOptions, killEverything, killLeaders, killNamed } from "../proof/kills.ts";
import { diagnoseFailure } from "./diagnosis.test-support.ts";
import { Market } from "./market.test-support.ts";

let started: Market | undefined;
before(async () => {
  started = await Market.start();
});
afterEach((context) => {
  if (started !== undefined) diagnoseFailure(context, started);
});
after(() => started?.close());

/** The load is paced, because every order is asked for again at the end. */
const quickly = (times: number): KillOptions => ({ times, seconds: 0, clients: 8, rate: 400 });

async function survived(proof: (market: Market, findings: Findings) => Promise<void>): Promise<void> {
  const findings = new Findings("kills");
  const market = present(started, "the market");
  await proof(market, findings);
  assert.deepEqual(findings.faults, []);
  assert.deepEqual(await market.unexpectedEnds(), []);
}

test("four leaders are killed in turn: no client sees an error and every acknowledged order is there", async () => {
  await survived((market, findings) => killLeaders(market, quickly(4), findings));
});

test("a follower is killed: no client sees an error and it catches up", async () => {
  await survived((market, findings) => {
    const follower = async (): Promise<string> => present((await market.followers())[0], "a follower");
    return killNamed(market, follower, quickly(1), findings);
  });
});

test("the front-end is killed: clients that retry under the same key lose and double nothing", async () => {
  await survived((market, findings) =>
    killNamed(market, () => Promise.resolve("frontend-1"), quickly(1), findings),
  );
});

test("everything is killed at once: what was acknowledged is on disk", async () => {
  await survived((market, findings) => killEverything(market, quickly(1), findings));
});
