/**
 * Two front-ends, each with a cache of its own, are as one copy. The long forms: `npm run proof -- front-ends` and
 * `npm run proof -- dead-parts`.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { proveDeadParts } from "../proof/dead-parts.ts";
import { Findings } from "../proof/findings.ts";
import {
  proveKilledLeaders,
  provePausedParts,
  proveTransfers,
  proveUndisturbed,
} from "../proof/front-ends.ts";
import { Wares } from "../proof/wares.ts";
import { diagnoseFailure } from "./diagnosis.test-support.ts";
import { Market } from "./market.test-support.ts";

const wares = new Wares();
let started: Market | undefined;
before(async () => {
  started = await Market.start(wares.options);
});
afterEach((context) => {
  if (started !== undefined) diagnoseFailure(context, started);
});
after(async () => {
  await started?.close();
  wares.close();
});

async function proved(proof: (market: Market, findings: Findings) => Promise<void>): Promise<void> {
  const findings = new Findings("front-ends");
  const market = present(started, "the market");
  await proof(market, findings);
  assert.deepEqual(findings.faults, []);
  assert.deepEqual(await market.unexpectedEnds(), []);
}
const pace = { rate: 300, readRate: 200, restlessEveryMs: 25 };
const paced = { writers: 8, readers: 4, couriers: 2, ...pace, falsify: false };

test("what one front-end has shown the other shows, before the order is answered too, and every lie would be found", async () => {
  const crowd = { writers: 16, readers: 4, couriers: 3, restlessEveryMs: 0, falsify: true };
  await proved((market, findings) => proveUndisturbed(market, { ...crowd, orders: 1_000 }, findings));
});

test("leaders, front-ends and catalogs stand still and go on: nothing old is shown, nothing lost", async () => {
  const counts = { leader: 1, "front-end": 2, "leader and front-end": 1, catalog: 1 };
  await proved((market, findings) => provePausedParts(market, { ...paced, counts }, findings));
});

test("a leader is killed among cached reads: nothing old is shown, nothing lost", async () => {
  await proved((market, findings) => proveKilledLeaders(market, { ...paced, kills: 1 }, findings));
});

test("leadership is handed over among cached reads: nothing old is shown, nothing lost", async () => {
  await proved((market, findings) => proveTransfers(market, { ...paced, transfers: 1 }, findings));
});

test("front-ends and catalogs stand still and are killed: shoppers at the public port see no error", async () => {
  const shop = { seconds: 10, clients: 8, rate: 200, restMs: 300 };
  await proved((market, findings) => proveDeadParts(market, shop, findings));
});
