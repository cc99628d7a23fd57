import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { BazaarClient, type ClientOptions } from "./client.ts";
import { ClientFailure } from "./failure.ts";
import { type FakeOptions, type FakeService, startFakeService } from "./fake-service.test-support.ts";

async function against(
  t: TestContext,
  fake: FakeOptions,
  options: Partial<ClientOptions> = {},
): Promise<{ service: FakeService; client: BazaarClient }> {
  const service = await startFakeService(fake);
  const client = new BazaarClient({ url: service.url, resource: "stocks", ...options });
  t.after(async () => {
    client.close();
    await service.close();
  });
  return { service, client };
}

/** The fault for the first `count` orders, none for the rest. */
function firstOrders(count: number, fault: ReturnType<NonNullable<FakeOptions["fault"]>>): FakeOptions {
  let left = count;
  return { fault: ({ method }) => (method === "POST" && left-- > 0 ? fault : undefined) };
}

const wish = { name: "FishCo", quantity: 2 };

test("an item is read by name and by id, with the facts of the reply", async (t) => {
  const { client } = await against(t, {});
  const byName = await client.item("BoarCo");
  const byId = await client.item(2);
  assert(byName.kind === "found" && byId.kind === "found");
  assert.deepEqual(byName.item, byId.item);
  assert.equal(byName.item.priceMinor, 2_859);
  assert.equal(byName.facts.position, 1);
  assert.equal(byName.facts.status, 200);
  assert(byName.facts.endNs > byName.facts.startNs);
});

test("an item that the market does not have is missing", async (t) => {
  const { client } = await against(t, {});
  assert.equal((await client.item("no such")).kind, "missing");
});

test("a client that was not told the market's word finds it", async (t) => {
  const { service } = await against(t, {});
  const client = new BazaarClient({ url: service.url });
  t.after(() => client.close());
  assert.equal((await client.item("FishCo")).kind, "found");
});

test("all items are collected page by page", async (t) => {
  const { client } = await against(t, {});
  const page = await client.items({ limit: 2 });
  assert.equal(page.items.length, 2);
  assert.equal(page.next, "2");
  assert.deepEqual(
    (await client.allItems()).map(({ name }) => name),
    ["FishCo", "BoarCo", "MenhirCo"],
  );
});

test("a placed order is answered with its facts, its key and its position", async (t) => {
  const { client, service } = await against(t, {}, { token: "secret" });
  const result = await client.order({ ...wish, type: "sell" });
  assert(result.kind === "placed");
  assert.equal(result.order.number, 0);
  assert.equal(result.order.side, "sell");
  assert.equal(result.order.totalMinor, 2 * 1_799);
  assert.equal(result.facts.position, 2);
  assert.match(result.key, /^[0-9a-f]{32}$/);
  assert.equal(service.requests[0]?.key, result.key);
  assert.equal(service.requests[0]?.authorization, "Bearer secret");
});

test("a refused order is a value with its reason and what was available", async (t) => {
  const { client } = await against(t, { quantity: 1 });
  const result = await client.order(wish);
  assert(result.kind === "refused");
  assert.equal(result.reason, "insufficient-stock");
  assert.equal(result.available, 1);
  assert.equal(result.facts.status, 409);
});

test("an order whose connection is dropped after it was applied is sent again under its key and applied once", async (t) => {
  const { client, service } = await against(t, firstOrders(2, { kind: "drop-after" }));
  const result = await client.order(wish);
  assert(result.kind === "placed");
  assert.equal(result.facts.replayed, true);
  assert.equal(result.facts.attempts, 3);
  assert.equal(service.orders.length, 1);
  assert.deepEqual(
    service.requests.map(({ key }) => key),
    [result.key, result.key, result.key],
  );
  assert.equal(client.counters.retriesLost, 2);
  assert.equal(client.counters.ordersResent, 2);
});

test("an order that is never answered is sent again on another connection", async (t) => {
  const { client, service } = await against(t, firstOrders(1, { kind: "hang" }), { attemptTimeoutMs: 30 });
  assert.equal((await client.order(wish)).kind, "placed");
  assert.equal(service.requests.length, 2);
  assert.equal(client.counters.retriesLost, 1);
});

test("with every silence that a request meets it waits twice as long for the next answer", async (t) => {
  const { client } = await against(t, firstOrders(2, { kind: "hang" }), { attemptTimeoutMs: 30 });
  const { facts } = await client.order(wish);
  assert.equal(facts.attempts, 3);
  assert(facts.endNs - facts.startNs >= 90e6);
});

test("after a silence no connection that was open then is used again", async (t) => {
  let stopped = 0;
  const { client, service } = await against(
    t,
    { fault: ({ connection }) => (connection <= stopped ? { kind: "hang" } : undefined) },
    { attemptTimeoutMs: 30 },
  );
  await Promise.all([client.item("FishCo"), client.item("FishCo"), client.item("FishCo")]);
  stopped = 3;
  assert.equal((await client.order(wish)).facts.attempts, 2);
  const asked = service.requests.map(({ connection }) => connection);
  assert.equal(new Set(asked).size, 4);
  assert.equal(asked.at(-1), 4);
});

test("a connection of a certain age is not used again, so that all front-ends get their share", async (t) => {
  let nowNs = 0;
  const { client, service } = await against(t, {}, { clock: () => nowNs });
  const connections: number[] = [];
  for (let seconds = 0; seconds <= 13; seconds++) {
    nowNs = seconds * 1e9;
    await client.item("FishCo");
    connections.push(service.requests.at(-1)?.connection ?? 0);
  }
  assert.deepEqual(connections, [1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
});

test("after 503 with Retry-After the same key is sent no earlier than that", async (t) => {
  const { client, service } = await against(
    t,
    firstOrders(1, { kind: "status", status: 503, retryAfter: "1" }),
  );
  const result = await client.order(wish);
  assert(result.kind === "placed");
  assert(result.facts.endNs - result.facts.startNs >= 1e9);
  assert.equal(new Set(service.requests.map(({ key }) => key)).size, 1);
  assert.equal(client.counters.retries503, 1);
});

test("after 504 the same key learns what became of the order", async (t) => {
  const { client, service } = await against(t, firstOrders(1, { kind: "status", status: 504, apply: true }));
  const result = await client.order(wish);
  assert(result.kind === "placed");
  assert.equal(result.facts.replayed, true);
  assert.equal(service.orders.length, 1);
  assert.equal(client.counters.retries504, 1);
});

test("reads are sent again after a lost connection and after 503", async (t) => {
  let asked = 0;
  const { client } = await against(t, {
    fault: () => [{ kind: "drop-before" } as const, { kind: "status", status: 503 } as const][asked++],
  });
  assert.equal((await client.item("FishCo")).kind, "found");
  assert.equal(client.counters.retriesLost, 1);
  assert.equal(client.counters.retries503, 1);
  assert.equal(client.counters.ordersResent, 0);
});

test("nothing but 503 until the deadline is a definite failure", async (t) => {
  // The second wait would go beyond the deadline: no attempt is cut short by it.
  const fault = { kind: "status", status: 503, retryAfter: "1" } as const;
  const { client } = await against(t, { fault: () => fault }, { deadlineMs: 1_500 });
  await assert.rejects(client.order(wish), (failure) => {
    assert(failure instanceof ClientFailure);
    assert.equal(failure.code, "unreachable");
    assert.equal(failure.definite, true);
    assert.equal(failure.status, 503);
    return true;
  });
});

test("lost connections until the deadline leave the outcome unknown, and the key is told", async (t) => {
  const { client, service } = await against(t, { fault: () => ({ kind: "drop-after" }) }, { deadlineMs: 60 });
  await assert.rejects(client.order(wish), (failure) => {
    assert(failure instanceof ClientFailure);
    assert.equal(failure.code, "outcome-unknown");
    assert.equal(failure.definite, false);
    assert.equal(failure.key, service.requests[0]?.key);
    return true;
  });
  assert.equal(service.orders.length, 1);
});

test("refused connections are a definite failure", async () => {
  const service = await startFakeService();
  await service.close();
  const client = new BazaarClient({ url: service.url, resource: "stocks", deadlineMs: 60 });
  try {
    await assert.rejects(client.order(wish), { name: "ClientFailure", code: "unreachable", definite: true });
  } finally {
    client.close();
  }
});

test("a batch is answered order by order under one key", async (t) => {
  const { client, service } = await against(t, {});
  const result = await client.batch([wish, { name: "no such", quantity: 1 }, wish]);
  assert(result.kind === "batch");
  assert.deepEqual(
    result.results.map(({ kind }) => kind),
    ["placed", "refused", "placed"],
  );
  assert.equal(service.requests[0]?.key, result.key);
});

test("an order is found by its number, with the facts that were acknowledged", async (t) => {
  const { client } = await against(t, {});
  const placed = await client.order(wish);
  assert(placed.kind === "placed");
  const found = await client.orderByNumber(placed.order.number);
  assert(found.kind === "found");
  assert.deepEqual(found.order, placed.order);
  assert.equal((await client.orderByNumber(7)).kind, "missing");
});

test("the leader and the cluster are told", async (t) => {
  const { client } = await against(t, {});
  assert.deepEqual(await client.leader(), { leader: "order-3", id: 3, port: 1, term: 2 });
  const cluster = await client.cluster();
  assert.equal(cluster.market, "stocks");
  assert.deepEqual(cluster.processes, [{ name: "order-3", role: "order", id: 3, up: true }]);
});

test("a reply that is not what the API says is a failure, indefinite for an order", async (t) => {
  const { client } = await against(t, {
    fault: () => ({ kind: "body", body: `{"data":{"name":"FishCo"}}` }),
  });
  await assert.rejects(client.item("FishCo"), { code: "bad-reply", definite: true });
  await assert.rejects(client.order(wish), { code: "bad-reply", definite: false });
});

test("closing fails the calls that wait, and those that come after", async (t) => {
  const { client, service } = await against(t, { fault: () => ({ kind: "hang" }) });
  const waiting = assert.rejects(client.order(wish), { code: "closed", definite: false });
  while (service.requests.length === 0) await new Promise(setImmediate);
  client.close();
  await waiting;
  await assert.rejects(client.item("FishCo"), { code: "closed" });
});
