/** Leaders that die, pause, refuse and are missing; and the front-end's own start and stop. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { OperatingFailure } from "../base/failure.ts";
import { orderTimes } from "../base/limits.ts";
import type { FakeReplica } from "./fake-replica.test-support.ts";
import { call, cluster, post, startWorld, stocks, until, type World } from "./fake-world.test-support.ts";
import { startFrontend } from "./main.ts";

describe("a failover", () => {
  let world: World;
  before(async () => {
    world = await startWorld({ replicas: 3 });
  });
  after(() => world.close());

  /** The replica with this number. */
  function replica(id: number): FakeReplica {
    return world.replicas[id - 1] ?? assert.fail(`no replica ${id}`);
  }

  test("is a slow answer to a client, and the order happens once", async () => {
    replica(3).mute = true;
    const before = world.market.orders.length;
    const placing = post(`${world.url}/orders`, { name: "FishCo", quantity: 1 });
    await until("the old leader applied the order", () => world.market.orders.length === before + 1);
    replica(3).mute = false;
    replica(3).lead(1, undefined, false);
    replica(3).disconnect();
    replica(2).lead(2, 2, true);
    const placed = await placing;
    assert.equal(placed.status, 200);
    assert.equal(placed.body.data.order_number, before);
    assert.equal(world.market.orders.length, before + 1);
    await until("the resend was told", () => world.events.some(({ kind }) => kind === "orders-resent"));
    assert.equal((await call(`${world.url}/leader`)).body.data.leader, "order-2");
  });

  test("by a paused leader resends to the one with the higher term", async () => {
    replica(2).silent = true;
    const taken = replica(2).submissions;
    const placing = post(`${world.url}/orders`, { name: "FishCo", quantity: 1 });
    const reading = call(`${world.url}/stocks/FishCo`);
    await until(
      "the paused leader holds both",
      () => replica(2).submissions > taken && replica(2).questions > 0,
    );
    replica(1).lead(3, 1, true);
    assert.equal((await placing).status, 200);
    assert.equal((await reading).status, 200);
    replica(2).silent = false;
    replica(2).lead(3, 1, false);
  });

  test("by a leader that refuses is waited for", async () => {
    const taken = replica(1).submissions;
    replica(1).refusal = "not-leader";
    const placing = post(`${world.url}/orders`, { name: "FishCo", quantity: 1 });
    await until("it refused more than once", () => replica(1).submissions > taken + 1);
    replica(1).refusal = undefined;
    assert.equal((await placing).status, 200);
  });

  test("a found order is shown by any replica, and a stale read too, with nobody leading", async () => {
    replica(1).lead(3, undefined, false);
    await until("nobody leads", () =>
      world.events.some((event) => event.kind === "leader-seen" && event.leader === null && event.term === 3),
    );
    assert.equal((await call(`${world.url}/orders/0`)).status, 200);
    assert.equal((await call(`${world.url}/stocks/FishCo?consistency=stale`)).status, 200);
    assert.equal((await call(`${world.url}/leader`)).status, 503);
    assert.equal((await call(`${world.url}/readyz`)).status, 503);
  });

  test("of replicas that have no market yet is not shown: whoever has one is asked for the last known value", async () => {
    for (const id of [1, 2]) replica(id).empty = true;
    for (const path of ["/stocks/FishCo", "/stocks", "/orders"])
      for (let i = 0; i < 3; i++)
        assert.equal((await call(`${world.url}${path}?consistency=stale`)).status, 200, path);
    replica(3).empty = true;
    const none = call(`${world.url}/stocks/FishCo?consistency=stale`);
    const far = call(`${world.url}/orders/0?consistency=stale&atLeast=1000000`);
    assert.deepEqual([(await none).status, (await none).body.error?.reason], [503, "unavailable"]);
    assert.equal((await far).status, 503);
    assert.match((await far).body.error?.message ?? "", /position 1000000 .* not be reached yet/);
    for (const id of [1, 2, 3]) replica(id).empty = false;
  });

  test("that nobody wins makes reads and new orders fail as unavailable, with Retry-After", async () => {
    const reading = call(`${world.url}/stocks/FishCo`);
    const refused = await (async () => {
      const limitMs = performance.now() + orderTimes.leaderlessMs + 2_000;
      for (;;) {
        const controller = new AbortController();
        const timer = setTimeout(() => controller.abort(), 200);
        try {
          const headers = { "content-type": "application/json" };
          const body = '{"name":"FishCo","quantity":1}';
          const response = await fetch(`${world.url}/orders`, {
            method: "POST",
            headers,
            body,
            signal: controller.signal,
          });
          return { status: response.status, headers: response.headers };
        } catch {
          assert.ok(performance.now() < limitMs, "orders still wait"); // an order that waits is given up by its client
        } finally {
          clearTimeout(timer);
        }
      }
    })();
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.equal(refused.headers.get("idempotency-key"), null);
    const body = { name: "FishCo", quantity: 1 };
    const fresh = await post(`${world.url}/orders`, body);
    assert.match(fresh.body.error?.message ?? "", /Nothing happened; try again/);
    // Who sends a key may have sent it before, and what came of that nobody can say now.
    const keyed = await post(`${world.url}/orders`, body, { "idempotency-key": "sent-before" });
    assert.equal(keyed.status, 503);
    assert.doesNotMatch(keyed.body.error?.message ?? "", /nothing happened/i);
    const told = /This attempt changed nothing.* still unknown; retry with the same Idempotency-Key/;
    assert.match(keyed.body.error?.message ?? "", told);
    const read = await reading;
    assert.equal(read.status, 503);
    assert.equal(read.body.error?.reason, "unavailable");
    replica(3).lead(4, 3, true);
    await until("the new leader is seen", () =>
      world.events.some((event) => event.kind === "leader-seen" && event.term === 4),
    );
    assert.equal((await post(`${world.url}/orders`, { name: "FishCo", quantity: 1 })).status, 200);
  });
});

test("a port that is taken is told so, and nothing keeps running", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const config = {
    role: "frontend",
    name: "frontend-1",
    id: 1,
    cluster,
    orders: [],
    catalogs: [],
    cache: 0,
    listen: { host: "127.0.0.1", port: address.port },
    market: stocks,
    secret: "ab".repeat(32),
  } as const;
  const host = {
    emit: () => {},
    watched: false,
    cluster: async () => assert.fail("not asked"),
    fatal: () => {},
  };
  await assert.rejects(startFrontend(config, host), (error) => {
    return error instanceof OperatingFailure && /is taken by another program/.test(error.message);
  });
  server.close();
  await once(server, "close");
});

test("a stop lets orders under way settle and acknowledges them", async () => {
  const world = await startWorld();
  const [replica] = world.replicas;
  assert.ok(replica !== undefined);
  replica.refusal = "unavailable";
  const taken = replica.submissions;
  const placing = post(`${world.url}/orders`, { name: "FishCo", quantity: 1 });
  await until("the order is under way", () => replica.submissions > taken);
  const stopping = world.frontend.stop();
  replica.refusal = undefined;
  assert.equal((await placing).status, 200);
  const position = world.market.position;
  await stopping;
  assert.equal(world.market.position, position + 1, "the acknowledgement was logged");
  await assert.rejects(fetch(`${world.url}/livez`));
  await world.close();
});
