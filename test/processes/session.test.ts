/** A first session with `curl`, call by call, and that a restart keeps all of it. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { closeAfter } from "./diagnosis.test-support.ts";
import { type Answer, call, dataOf } from "./http.test-support.ts";
import { Market } from "./market.test-support.ts";

async function started(t: TestContext): Promise<Market> {
  const market = await Market.start();
  closeAfter(t, market);
  return market;
}

function errorOf({ body }: Answer): Readonly<Record<string, unknown>> {
  return (JSON.parse(body) as { error: Readonly<Record<string, unknown>> }).error;
}

test("look up, order, ask for the order; an unknown item is 404, too little stock 409", async (t) => {
  const { url } = await started(t);
  const fish = await call(`${url}/stocks/FishCo`);
  const { id, quantity, volume, ...facts } = dataOf(fish);
  assert.deepEqual(facts, { name: "FishCo", price: 17.99, priceMinor: 1799, currency: "USD" });
  assert.deepEqual([id, quantity, volume], [1, 1_000, 0]);

  const answer = await call(`${url}/orders`, { body: { name: "FishCo", quantity: 3, type: "buy" } });
  const { at, ...order } = dataOf(answer);
  assert.ok(typeof at === "string" && !Number.isNaN(Date.parse(at)), `at: ${String(at)}`);
  const line = { id: 1, name: "FishCo", quantity: 3, price: 17.99, priceMinor: 1799 };
  assert.deepEqual(order, {
    order_number: 0,
    transaction_number: 0,
    type: "buy",
    status: "filled",
    lines: [line],
    name: "FishCo",
    quantity: 3,
    price: 17.99,
    total: 53.97,
    totalMinor: 5397,
    currency: "USD",
  });
  assert.ok(answer.headers.has("idempotency-key"));
  const after = await call(`${url}/stocks/FishCo`);
  assert.deepEqual([dataOf(after).quantity, dataOf(after).volume], [997, 3]);
  assert.equal(after.headers.get("bazaar-position"), answer.headers.get("bazaar-position"));

  const { order_number: _, transaction_number: __, ...same } = order;
  assert.deepEqual(dataOf(await call(`${url}/orders/0`)), { ...same, number: 0, at });

  const unknown = await call(`${url}/stocks/NoCo`);
  assert.equal(unknown.status, 404);
  assert.equal(errorOf(unknown).reason, "item-not-found");
  const missing = await call(`${url}/orders/1`);
  assert.equal(missing.status, 404);
  assert.equal(errorOf(missing).reason, "order-not-found");
  const tooMany = await call(`${url}/orders`, { body: { name: "FishCo", quantity: 998 } });
  assert.equal(tooMany.status, 409);
  const { code, reason, available } = errorOf(tooMany);
  assert.deepEqual([code, reason, available], [409, "insufficient-stock", 997]);
  assert.equal(dataOf(await call(`${url}/stocks/FishCo`)).quantity, 997);
});

test("a restart keeps stock, orders and answers, and numbers go on", async (t) => {
  const market = await started(t);
  const { url } = market;
  const first = await call(`${url}/orders`, { body: { name: "BoarCo", quantity: 2 }, key: "kept" });
  const refused = await call(`${url}/orders`, { body: { name: "BoarCo", quantity: 999 }, key: "refused" });
  const paths = ["/stocks/BoarCo", "/orders/0", "/stocks", "/orders?name=BoarCo"];
  const ask = (): Promise<string[]> => Promise.all(paths.map(async (path) => (await call(url + path)).body));
  const before = await ask();
  await market.stop();
  await market.up();
  assert.equal(market.url, url);
  await market.whole();
  assert.deepEqual(await ask(), before);
  const again = await call(`${url}/orders`, { body: { name: "BoarCo", quantity: 2 }, key: "kept" });
  assert.deepEqual([again.body, again.headers.get("idempotent-replayed")], [first.body, "true"]);
  const refusedAgain = await call(`${url}/orders`, {
    body: { name: "BoarCo", quantity: 999 },
    key: "refused",
  });
  assert.deepEqual([refusedAgain.status, refusedAgain.body], [409, refused.body]);
  const next = await call(`${url}/orders`, { body: { name: "BoarCo", quantity: 2 } });
  assert.equal(dataOf(next).order_number, 1);
  assert.equal(await market.differences("--deep"), "");
});
