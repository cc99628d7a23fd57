/** Short forms of the proofs of one key, pauses and a lost majority (`npm run proof`), each on a market of its own. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Findings } from "../proof/findings.ts";
import { proveMajorityLost } from "../proof/majority-lost.ts";
import { proveOneKey } from "../proof/one-key.ts";
import { provePauses } from "../proof/pauses.ts";
import { closeAfter } from "./diagnosis.test-support.ts";
import { Market } from "./market.test-support.ts";

async function proved(
  t: TestContext,
  proof: (market: Market, findings: Findings) => Promise<void>,
): Promise<void> {
  const market = await Market.start();
  closeAfter(t, market);
  const findings = new Findings(t.name);
  await proof(market, findings);
  assert.deepEqual(findings.faults, []);
  assert.deepEqual(await market.unexpectedEnds(), []);
}

test("one key sent many times, across a leader's death and a restart, makes one order and one answer", async (t) => {
  await proved(t, (market, findings) => proveOneKey(market, { copies: 50, rounds: 2 }, findings));
});

test("a leader that was paused shows nothing old, and a history that tells of it would be rejected", async (t) => {
  await proved(t, (market, findings) =>
    provePauses(market, { times: 2, seconds: 0, clients: 8, rate: 400 }, findings),
  );
});

test("without a majority orders are refused or unknown, and every unknown one can be learnt by its key", async (t) => {
  await proved(t, (market, findings) => proveMajorityLost(market, { orders: 20 }, findings));
});
