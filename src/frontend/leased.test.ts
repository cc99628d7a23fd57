/** The leased cache over real sockets: a front-end, a leader that grants leases, and catalogs. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { present } from "../base/assert.ts";
import type { FakeCatalog } from "./fake-catalog.test-support.ts";
import type { FakeReplica } from "./fake-replica.test-support.ts";
import { type Answer, call, post, raw, startWorld, until, type World } from "./fake-world.test-support.ts";

/** Long, so that a machine that is busy elsewhere does not end it: what ends it here is a test. */
const leaseMs = 2_000;

describe("a front-end with a lease", () => {
  let world: World;
  let url: string;
  let leader: FakeReplica;
  let other: FakeReplica;
  let catalogs: readonly FakeCatalog[];

  before(async () => {
    world = await startWorld({ replicas: 2, catalogs: 2, cache: 8 });
    url = world.url;
    catalogs = world.catalogs;
    other = present(world.replicas[0], "the first replica");
    leader = present(world.replicas[1], "the leader");
    leader.leases.remainingMs = leaseMs;
    await warmed("/stocks/FishCo");
  });
  after(() => world.close());
  afterEach(() => {
    leader.leases.commits = true;
    leader.leases.pushes = true;
    other.lags = false;
    for (const catalog of catalogs) {
      catalog.silent = false;
      catalog.refusal = undefined;
    }
  });

  const cacheOf = ({ headers }: Answer): string | null => headers.get("x-cache");
  const asked = (): number => catalogs.reduce((sum, { questions }) => sum + questions.length, 0);
  const sessions = (): number => leader.leases.begun;

  /** Read until the reply comes from the cache. */
  async function warmed(path: string): Promise<Answer> {
    for (let i = 0; i < 2_000; i++) {
      const answer = await call(url + path);
      if (cacheOf(answer) === "hit") return answer;
    }
    return assert.fail(`${path} is never kept`);
  }

  test("answers from its cache what it has read once, under every spelling, and asks nobody", async () => {
    const first = await warmed("/stocks/FishCo");
    const questions = asked() + leader.questions + other.questions;
    for (const path of [
      "/stocks/FishCo",
      "/stocks/1",
      "/api/stocks/FishCo",
      "/api/stocks/1",
      "/stocks/%46ishCo",
    ]) {
      const again = await call(url + path);
      assert.equal(cacheOf(again), "hit", path);
      assert.deepEqual(again.body, first.body);
      assert.equal(again.headers.get("bazaar-position"), first.headers.get("bazaar-position"));
      assert.match(again.headers.get("server-timing") ?? "", /^frontend;dur=[\d.]+$/);
    }
    const folded = await call(`${url}/stocks/fishCO`);
    assert.equal(cacheOf(folded), "hit");
    assert.equal(folded.body.data.name, "fishCO");
    assert.equal(asked() + leader.questions + other.questions, questions);
  });

  test("misses once, and says so and who was asked", async () => {
    const questions = leader.questions + other.questions;
    const miss = await call(`${url}/stocks/BoarCo`);
    assert.equal(cacheOf(miss), "miss");
    assert.match(miss.headers.get("server-timing") ?? "", /^frontend;dur=[\d.]+, catalog;dur=[\d.]+$/);
    assert.equal(cacheOf(await call(`${url}/stocks/BoarCo`)), "hit");
    assert.equal(leader.questions + other.questions, questions);
  });

  test("keeps the first page, of a topic and of all, and no other list", async () => {
    const item = { name: "Topical", priceMinor: 1, quantity: 1, topic: "a topic" };
    assert.equal((await post(`${url}/stocks`, item)).status, 200);
    await warmed("/stocks");
    assert.equal(cacheOf(await call(`${url}/stocks?limit=100`)), "hit");
    const page = await warmed("/stocks?topic=a%20topic");
    assert.equal(page.body.list.length, 1);
    assert.equal(cacheOf(await call(`${url}/stocks?topic=a+topic`)), "hit");
    for (const query of [
      "limit=2",
      "q=Fish",
      "after=aTE",
      "topic=a+topic&q=x",
      "atLeast=1",
      "consistency=stale",
    ])
      assert.equal(cacheOf(await call(`${url}/stocks?${query}`)), "bypass", query);
    assert.equal((await call(`${url}/stocks?q=Fish`)).body.list.length, 1);
    assert.equal((await call(`${url}/stocks?q=${"x".repeat(129)}`)).status, 400);
  });

  test("shows an order in every read that begins after its answer, and refills by push what is being read", async () => {
    await warmed("/stocks");
    const { body } = await warmed("/stocks/FishCo");
    const questions = asked();
    const placed = await post(`${url}/orders`, { name: "FishCo", quantity: 2 });
    assert.equal(placed.status, 200);
    const read = await call(`${url}/stocks/FishCo`);
    assert.equal(cacheOf(await call(`${url}/stocks/FishCo`)), "hit");
    assert.equal(asked(), questions);
    assert.equal(read.body.data.quantity, body.data.quantity - 2);
    assert.equal(read.headers.get("bazaar-position"), placed.headers.get("bazaar-position"));
    const list = await call(`${url}/stocks`);
    assert.equal(cacheOf(list), "miss");
    assert.equal(list.body.list[0]?.quantity, body.data.quantity - 2);
  });

  test("lets a read of an item wait while its change is under way, and another not", async () => {
    await warmed("/stocks/BoarCo");
    const { body } = await warmed("/stocks/FishCo");
    leader.leases.commits = false;
    const { acknowledgements } = leader.leases;
    const placing = post(`${url}/orders`, { name: "FishCo", quantity: 1 });
    await until("its invalidation is carried out", () => leader.leases.acknowledgements > acknowledgements);
    let shown = false;
    const reading = call(`${url}/stocks/FishCo`).then((answer) => {
      shown = true;
      return answer;
    });
    assert.equal(cacheOf(await call(`${url}/stocks/BoarCo`)), "hit");
    assert.equal(shown, false);
    leader.leases.commits = true;
    const read = await reading;
    assert.equal((await placing).status, 200);
    assert.equal(cacheOf(read), "miss");
    assert.equal(read.body.data.quantity, body.data.quantity - 1);
  });

  test("asks a catalog when the change is not pushed", async () => {
    leader.leases.pushes = false;
    const { body } = await warmed("/stocks/FishCo");
    assert.equal((await post(`${url}/orders`, { name: "FishCo", quantity: 1 })).status, 200);
    const read = await call(`${url}/stocks/FishCo`);
    assert.equal(cacheOf(read), "miss");
    assert.equal(read.body.data.quantity, body.data.quantity - 1);
  });

  test("does not keep that there is no item, and finds it once it is added", async () => {
    for (let i = 0; i < 2; i++) {
      const none = await call(`${url}/stocks/Newcomer`);
      assert.equal(none.status, 404);
      assert.equal(cacheOf(none), "miss");
    }
    assert.equal((await post(`${url}/stocks`, { name: "Newcomer", priceMinor: 1, quantity: 1 })).status, 200);
    assert.equal((await call(`${url}/stocks/Newcomer`)).status, 200);
  });

  test("asks another when a catalog refuses, is silent, or is gone, and a replica when all are", async () => {
    const [first, second] = catalogs;
    assert.ok(first !== undefined && second !== undefined);
    first.refusal = "unavailable";
    for (let i = 0; i < 4; i++) assert.equal((await call(`${url}/stocks?limit=3`)).status, 200);
    first.refusal = undefined;
    first.silent = true;
    for (let i = 0; i < 4; i++) assert.equal((await call(`${url}/stocks?limit=3`)).status, 200);
    second.silent = true;
    const questions = leader.questions + other.questions;
    for (let i = 0; i < 4; i++) assert.equal((await call(`${url}/stocks?limit=3`)).status, 200);
    assert.ok(leader.questions + other.questions > questions);
    for (const catalog of catalogs) {
      catalog.silent = false;
      catalog.disconnect();
    }
    assert.equal((await call(`${url}/stocks?limit=3`)).status, 200);
  });

  test("says that there is no order without a barrier", async () => {
    // A replica that is slow to answer is no fault: then the leader is asked.
    let without = 0;
    for (let i = 0; i < 100 && without < 4; i++) {
      const { barriers } = leader;
      assert.equal((await call(`${url}/orders/99999`)).status, 404);
      if (leader.barriers === barriers) without++;
    }
    assert.equal(without, 4);
  });

  test("finds out that there is no order, though a replica lags", async () => {
    other.lags = true;
    const questions = other.questions;
    for (let i = 0; i < 6; i++) assert.equal((await call(`${url}/orders/99999`)).status, 404);
    assert.ok(other.questions > questions);
    const position = (await call(`${url}/orders/99999`)).headers.get("bazaar-position");
    for (let i = 0; i < 2; i++) {
      const path = `/orders?consistency=stale&atLeast=${position}`;
      assert.equal((await call(url + path)).status, 200);
    }
  });

  test("reads without a lease what it asked for at a position that the old leader lost", async () => {
    await warmed("/stocks/BoarCo");
    other.leases.remainingMs = leaseMs;
    const { acknowledgements } = leader.leases;
    leader.leases.commits = false;
    leader.leases.append([undefined], () => assert.fail("it is lost"));
    await until("its invalidation is carried out", () => leader.leases.acknowledgements > acknowledgements);
    const paths = ["/stocks/Nothing", "/stocks?limit=3", "/stocks?q=Fish", "/orders/99999"];
    const questions = asked();
    const reading = Promise.all(paths.map((path) => call(url + path)));
    await until("catalogs are asked", () => asked() >= questions + 3);
    leader.leases.forget();
    leader.lead(4, 1, false);
    other.lead(4, 1, true);
    const statuses = (await reading).map(({ status }) => status);
    assert.deepEqual(statuses, [404, 200, 200, 404]);
    other.lead(5, 2, false);
    leader.lead(5, 2, true);
    await warmed("/stocks/FishCo");
  });

  test("waits for the position that a client names, and asks no catalog to wait for it", async () => {
    const { headers } = await post(`${url}/orders`, { name: "FishCo", quantity: 1 });
    const next = Number(headers.get("bazaar-position")) + 1;
    const questions = leader.questions;
    const reading = call(`${url}/stocks/FishCo?atLeast=${next}`);
    await until("the leader is asked", () => leader.questions > questions);
    assert.equal((await post(`${url}/orders`, { name: "FishCo", quantity: 1 })).status, 200);
    const read = await reading;
    assert.equal(cacheOf(read), "bypass");
    assert.ok(Number(read.headers.get("bazaar-position")) >= next);
    for (const { freshness } of catalogs.flatMap((catalog) => catalog.questions))
      assert.ok(freshness.kind !== "at-least" || freshness.position < next);
  });

  test("drops everything when its lease lapses, and reads behind a barrier from then on", async () => {
    await warmed("/stocks/FishCo");
    const lapses = world.frontend.status().cache?.lapses ?? 0;
    leader.leases.remainingMs = 0;
    await until("the lease lapses", () => (world.frontend.status().cache?.lapses ?? 0) > lapses);
    assert.equal(world.frontend.status().cache?.entries, 0);
    assert.ok(world.events.some(({ kind }) => kind === "lease-lapsed"));
    const read = await call(`${url}/stocks/FishCo`);
    assert.equal(cacheOf(read), "bypass");
    const timing = /^frontend;dur=[\d.]+, order;dur=[\d.]+, catalog;dur=[\d.]+$/;
    assert.match(read.headers.get("server-timing") ?? "", timing);
    leader.leases.remainingMs = leaseMs;
    await warmed("/stocks/FishCo");
  });

  test("gives its lease up when it is recalled, and asks for another one later", async () => {
    await warmed("/stocks/FishCo");
    const { ended } = leader.leases;
    leader.leases.recall();
    await until("the lease is given up", () => leader.leases.ended > ended);
    assert.equal(cacheOf(await call(`${url}/stocks/FishCo`)), "bypass");
    await warmed("/stocks/FishCo");
  });

  test("begins anew under another leader, or over another connection", async () => {
    await warmed("/stocks/FishCo");
    other.leases.remainingMs = leaseMs;
    leader.lead(2, 1, false);
    other.lead(2, 1, true);
    const there = (): number => other.leases.begun;
    await until("the new leader grants a lease", () => there() > 0);
    await warmed("/stocks/FishCo");
    other.lead(2, 2, false);
    leader.lead(3, 2, true);
    const before = sessions();
    await until("the first one grants one again", () => sessions() > before);
    const again = sessions();
    leader.disconnect();
    await until("a session of the new connection", () => sessions() > again);
    await warmed("/stocks/FishCo");
  });

  test("answers a HEAD as it answers a GET", async () => {
    await warmed("/stocks/FishCo");
    const answer = await raw(
      world.port,
      "HEAD /stocks/FishCo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert.match(answer, /x-cache: hit/i);
    assert.ok(answer.endsWith("\r\n\r\n"));
  });

  test("sends every byte of a name that is not ASCII", async () => {
    const name = "Söhne & Fuchs 🦊";
    await post(`${url}/stocks`, { name, priceMinor: 1, quantity: 1 });
    const path = `/stocks/${encodeURIComponent(name)}`;
    const miss = await call(url + path);
    const hit = await warmed(path);
    assert.equal(hit.body.data.name, name);
    assert.deepEqual(hit.body, miss.body);
  });

  test("tells in its metrics what the cache did", async () => {
    await warmed("/stocks/FishCo");
    const page = await (await fetch(`${url}/metrics`)).text();
    for (const kind of ["hit", "miss", "bypass"])
      assert.match(page, new RegExp(`bazaar_cache_reads_total\\{cache="${kind}"\\} [1-9]`));
    assert.match(page, /bazaar_lease_held 1/);
    const { hits, misses, bypasses, entries } = present(world.frontend.status().cache, "its counts");
    assert.ok(hits > 0 && misses > 0 && bypasses > 0 && entries > 0 && entries <= 8);
  });
});

test("a stop gives the lease up first", async () => {
  const world = await startWorld({
    cache: 8,
    prepare: ({ leases }) => {
      leases.remainingMs = leaseMs;
    },
  });
  const [leader] = world.replicas;
  assert.ok(leader !== undefined);
  await until("a lease is held", () => leader.leases.begun > 0);
  const { ended } = leader.leases;
  const stopping = world.frontend.stop();
  await until("the lease is given up", () => leader.leases.ended > ended);
  await stopping;
  await world.close();
});

test("without catalogs a miss is answered by a replica, and with the cache off no lease is asked for", async () => {
  for (const cache of [8, 0]) {
    const world = await startWorld({
      cache,
      prepare: ({ leases }) => {
        leases.remainingMs = leaseMs;
      },
    });
    try {
      const [leader] = world.replicas;
      assert.ok(leader !== undefined);
      if (cache > 0) await until("a lease is held", () => leader.leases.begun > 0);
      const read = await call(`${world.url}/stocks/FishCo`);
      assert.equal(read.status, 200);
      if (cache === 0) assert.equal(read.headers.get("x-cache"), "bypass");
      assert.equal(leader.leases.requests > 0, cache > 0);
    } finally {
      await world.close();
    }
  }
});

test("a connection that another process accepted is served like any other", async () => {
  const world = await startWorld();
  const accepting = createServer({ pauseOnConnect: true, allowHalfOpen: false });
  try {
    accepting.on("connection", (socket: Socket) => world.frontend.connection?.(socket));
    accepting.listen(0, "127.0.0.1");
    await once(accepting, "listening");
    const address = accepting.address();
    assert.ok(typeof address === "object" && address !== null);
    const answer = await raw(
      address.port,
      "GET /stocks/FishCo HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert.match(answer, /^HTTP\/1\.1 200 OK[\s\S]*"FishCo"[\s\S]*HTTP\/1\.1 200 OK[\s\S]*live/);
  } finally {
    accepting.close();
    await world.close();
  }
});
