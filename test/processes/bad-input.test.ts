/** Requests that nobody should send: each is refused with a 4xx and says why; none has any effect. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { badRequests, sendBadRequest } from "./bad-requests.test-support.ts";
import { closeAfter } from "./diagnosis.test-support.ts";
import { call } from "./http.test-support.ts";
import { Market } from "./market.test-support.ts";

/** All that a client could have changed. */
async function effects(market: Market): Promise<unknown> {
  const items = await call(`${market.url}/stocks`);
  const orders = await call(`${market.url}/orders`);
  const { processes } = await market.whole();
  const lives = processes.map(({ name, pid, restarts, orders: count }) => ({ name, pid, restarts, count }));
  return [JSON.parse(items.body), JSON.parse(orders.body), lives];
}

test("bad requests are refused with a reason, change nothing and crash nothing", async (t) => {
  const market = await Market.start();
  closeAfter(t, market);
  const { status } = await call(`${market.url}/orders`, { body: { name: "FishCo", quantity: 1 } });
  assert.equal(status, 200);
  const before = await effects(market);
  for (const request of badRequests) {
    await t.test(request.name, async () => {
      const reply = await sendBadRequest(market.port, request);
      const refused = /^HTTP\/1\.1 (4\d\d) /.exec(reply);
      assert.ok(refused, `the reply begins: ${JSON.stringify(reply.slice(0, 200))}`);
      assert.ok(request.statuses.includes(Number(refused[1])), reply.slice(0, 400));
      if (request.method === "HEAD") return;
      const { error } = JSON.parse(reply.slice(reply.indexOf("\r\n\r\n"))) as {
        error: { code: unknown; reason: unknown; message: unknown };
      };
      assert.equal(error.code, Number(refused[1]));
      assert.match(String(error.reason), /^[a-z]+(-[a-z]+)*$/);
      assert.ok(typeof error.message === "string" && error.message.length > 10);
    });
  }
  assert.deepEqual(await effects(market), before);
});
