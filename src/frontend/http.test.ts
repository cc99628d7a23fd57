/** The whole front-end over real sockets, before replicas that are faked but for their market. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { OperatingFailure } from "../base/failure.ts";
import { orderTimes } from "../base/limits.ts";
import { builtinMarkets } from "../market/builtin.ts";
import type { ProcessEvent, RunningProcess } from "../wire/process.ts";
import { FakeMarket, FakeReplica } from "./fake-replica.ts";
import { startFrontend } from "./main.ts";

const cluster = "test-cluster";
const stocks = builtinMarkets.get("stocks");
assert.ok(stocks !== undefined);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const limitMs = performance.now() + 5_000;
  while (!holds()) {
    assert.ok(performance.now() < limitMs, `never came about: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

interface World {
  readonly market: FakeMarket;
  readonly replicas: readonly FakeReplica[];
  readonly frontend: RunningProcess;
  readonly port: number;
  readonly url: string;
  readonly events: ProcessEvent[];
  close(): Promise<void>;
}

async function startWorld(options: { replicas?: number; token?: string } = {}): Promise<World> {
  assert.ok(stocks !== undefined);
  const market = new FakeMarket(stocks);
  const replicas = Array.from({ length: options.replicas ?? 1 }, () => new FakeReplica(market, cluster));
  const ports = await Promise.all(replicas.map((replica) => replica.open()));
  const leader = replicas.length;
  replicas[leader - 1]?.lead(1, leader, true);
  const port = await freePort();
  const events: ProcessEvent[] = [];
  const frontend = await startFrontend(
    {
      role: "frontend",
      name: "frontend-1",
      id: 1,
      cluster,
      orders: ports.map((at, i) => ({ id: i + 1, name: `order-${i + 1}`, host: "127.0.0.1", port: at })),
      public: { host: "127.0.0.1", port },
      market: stocks,
      secret: "ab".repeat(32),
      ...(options.token !== undefined && { token: options.token }),
    },
    {
      emit: (event) => events.push(event),
      watched: true,
      cluster: async () => ({
        market: "stocks",
        engine: "embedded",
        leader: "order-1",
        term: 1,
        processes: [],
      }),
      fatal: (error) => {
        throw error;
      },
    },
  );
  return {
    market,
    replicas,
    frontend,
    port,
    url: `http://127.0.0.1:${port}`,
    events,
    close: async () => {
      await frontend.stop();
      await Promise.all(replicas.map((replica) => replica.close()));
    },
  };
}

interface Data {
  readonly order_number: number;
  readonly transaction_number: number;
  readonly name: string;
  readonly quantity: number;
  readonly price: number;
  readonly total: number;
  readonly reference: string;
  readonly leader: string;
  readonly term: number;
  readonly engine: string;
  readonly status: string;
  /** In a batch's slot. */
  readonly data?: Data;
  readonly error?: { readonly reason: string };
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    /** What the tests look at, of whatever came; a list is given as `list`. */
    readonly data: Data;
    readonly list: readonly Data[];
    readonly error?: { readonly code: number; readonly reason: string; readonly message: string };
    readonly next?: string;
  };
}

async function call(url: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(url, init);
  const body = (await response.json()) as Omit<Answer["body"], "list">;
  const list = Array.isArray(body.data) ? (body.data as readonly Data[]) : [];
  return { status: response.status, headers: response.headers, body: { ...body, list } };
}

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return call(url, {
    method: "POST",
    body: text,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** What comes back for bytes that no HTTP client would send. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.end(text);
  let answer = "";
  for await (const chunk of socket) answer += chunk;
  return answer;
}

describe("a front-end", () => {
  let world: World;
  let url: string;
  before(async () => {
    world = await startWorld();
    url = world.url;
  });
  after(() => world.close());

  test("sells, and shows the order and the item's new stock", async () => {
    const { body: earlier } = await call(`${url}/stocks/LanternWorks`);
    const placed = await post(`${url}/orders`, { name: "lanternworks", quantity: 3 });
    assert.equal(placed.status, 200);
    assert.equal(placed.body.data.name, "lanternworks");
    assert.equal(placed.body.data.total, 37.05);
    assert.match(placed.headers.get("idempotency-key") ?? "", /^bz-\d+-\d+-[0-9a-f]{8}$/);
    assert.match(placed.headers.get("server-timing") ?? "", /^frontend;dur=[\d.]+, order;dur=[\d.]+$/);
    const number = placed.body.data.order_number;
    const order = await call(`${url}/orders/${number}`);
    const { order_number, transaction_number, ...facts } = placed.body.data;
    assert.equal(order_number, transaction_number);
    assert.deepEqual(order.body.data, { number, ...facts });
    assert.equal(order.headers.get("bazaar-position"), placed.headers.get("bazaar-position"));
    const item = await call(`${url}/stocks/LanternWorks`);
    assert.equal(item.body.data.quantity, earlier.data.quantity - 3);
    assert.equal(item.headers.get("bazaar-position"), placed.headers.get("bazaar-position"));
    assert.equal(item.headers.get("x-cache"), "bypass");
  });

  test("answers under /api as under /", async () => {
    assert.deepEqual(
      (await call(`${url}/api/stocks/FishCo`)).body,
      (await call(`${url}/stocks/FishCo`)).body,
    );
    assert.equal((await post(`${url}/api/orders`, { name: "FishCo", quantity: 1 })).status, 200);
  });

  test("finds an item by id, by an escaped name, and under the spelling the caller used", async () => {
    assert.equal((await call(`${url}/stocks/1`)).body.data.name, "FishCo");
    assert.equal((await call(`${url}/stocks/%46ISHCO`)).body.data.name, "FISHCO");
    assert.equal((await call(`${url}/stocks/FishCo?consistency=stale`)).headers.get("age"), "0");
  });

  test("gives the first answer again for the same key and body, and refuses another body", async () => {
    const headers = { "idempotency-key": "my-key" };
    const first = await post(`${url}/orders`, { name: "FishCo", quantity: 1 }, headers);
    assert.equal(first.headers.get("idempotency-key"), "my-key");
    assert.equal(first.headers.get("idempotent-replayed"), null);
    const again = await post(`${url}/orders`, { name: "FishCo", quantity: 1 }, headers);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(again.body, first.body);
    const other = await post(`${url}/orders`, { name: "FishCo", quantity: 2 }, headers);
    assert.equal(other.status, 422);
    assert.equal(other.body.error?.reason, "idempotency-key-reused");
  });

  test("gives a refusal again for the same key", async () => {
    const headers = { "idempotency-key": "refused-key" };
    const body = { name: "QuarryBank", quantity: 100_000 };
    const first = await post(`${url}/orders`, body, headers);
    assert.equal(first.status, 409);
    const { code, reason, message, ...facts } = first.body.error ?? assert.fail("no error");
    assert.deepEqual(facts, { name: "QuarryBank", line: 0, requested: 100_000, available: 100 });
    assert.equal(reason, "insufficient-stock");
    assert.equal(code, 409);
    assert.match(message, /100 are in stock/);
    const again = await post(`${url}/orders`, body, headers);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(again.body, first.body);
  });

  test("recognises the key that it handed out", async () => {
    const first = await post(`${url}/orders`, { name: "FishCo", quantity: 1 });
    const key = first.headers.get("idempotency-key") ?? "";
    const again = await post(`${url}/orders`, { name: "FishCo", quantity: 1 }, { "idempotency-key": key });
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(again.body, first.body);
    const batch = await post(
      `${url}/orders/batch`,
      { orders: [{ name: "FishCo", quantity: 1 }] },
      { "idempotency-key": key },
    );
    assert.equal(batch.body.error?.reason, "idempotency-key-reused");
    const forged = await post(
      `${url}/orders`,
      { name: "FishCo", quantity: 1 },
      { "idempotency-key": "bz-1-1-00000000" },
    );
    assert.equal(forged.status, 400);
  });

  test("says that a key is too old once its answer was acknowledged", async () => {
    const first = await post(`${url}/orders`, { name: "FishCo", quantity: 1 });
    const key = first.headers.get("idempotency-key") ?? "";
    const positionThen = world.market.position;
    await until("the acknowledgement", () => world.market.position > positionThen);
    const again = await post(`${url}/orders`, { name: "FishCo", quantity: 1 }, { "idempotency-key": key });
    assert.equal(again.status, 422);
    assert.equal(again.body.error?.reason, "idempotency-key-expired");
  });

  test("answers a batch slot by slot, and the whole again under its key", async () => {
    const orders = [
      { name: "FishCo", quantity: 1 },
      { name: "nix", quantity: 1 },
      { lines: [{ id: 2, quantity: 1, maxPriceMinor: 1 }] },
      { lines: [{ id: 2, quantity: 1, minPriceMinor: 1 }], type: "sell" },
    ];
    const first = await post(`${url}/orders/batch`, { orders }, { "idempotency-key": "batch" });
    assert.equal(first.status, 200);
    const reasons = first.body.list.map((slot) => slot.error?.reason ?? slot.data?.status);
    assert.deepEqual(reasons, ["filled", "item-not-found", "price-changed", "filled"]);
    const again = await post(`${url}/orders/batch`, { orders }, { "idempotency-key": "batch" });
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(again.body, first.body);
    const fresh = await post(`${url}/orders/batch`, { orders: orders.slice(0, 2) });
    const key = fresh.headers.get("idempotency-key") ?? "";
    assert.match(key, /^bz-\d+-\d+-2-[0-9a-f]{8}$/);
    const repeated = await post(
      `${url}/orders/batch`,
      { orders: orders.slice(0, 2) },
      { "idempotency-key": key },
    );
    assert.deepEqual(repeated.body, fresh.body);
  });

  test("adds an item once, and then finds it", async () => {
    const item = { name: "Fox/Den & Söhne", priceMinor: 150, quantity: 7, topic: "woods" };
    const added = await post(`${url}/stocks`, item, { "idempotency-key": "add-1" });
    assert.equal(added.status, 200);
    assert.equal(added.body.data.price, 1.5);
    const again = await post(`${url}/stocks`, item, { "idempotency-key": "add-1" });
    assert.deepEqual(again.body, added.body);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.equal((await post(`${url}/stocks`, item)).body.error?.reason, "name-taken");
    assert.deepEqual((await call(`${url}/stocks/${encodeURIComponent(item.name)}`)).body, added.body);
    const listed = await call(`${url}/stocks?topic=WOODS`);
    assert.deepEqual(listed.body.list, [added.body.data]);
  });

  test("pages through items and orders", async () => {
    for (let i = 0; i < 3; i++)
      await post(`${url}/orders`, {
        name: "MossAndMoor",
        quantity: 1,
        customer: "carla",
        reference: `r${i}`,
      });
    const names: string[] = [];
    for (let after = "", more = true; more; ) {
      const { body } = await call(`${url}/stocks?limit=4${after}`);
      names.push(...body.list.map(({ name }) => name));
      more = body.next !== undefined;
      after = `&after=${body.next}`;
    }
    assert.deepEqual(
      names.slice(0, 10),
      stocks?.items.map(({ name }) => name),
    );
    const first = await call(`${url}/orders?customer=carla&limit=2`);
    assert.deepEqual(
      first.body.list.map(({ reference }) => reference),
      ["r2", "r1"],
    );
    const second = await call(
      `${url}/orders?customer=carla&name=mossandmoor&limit=2&before=${first.body.next}`,
    );
    assert.deepEqual(
      second.body.list.map(({ reference }) => reference),
      ["r0"],
    );
    assert.equal(second.body.next, undefined);
  });

  test("tells who leads, what runs, how it is, and what its API is", async () => {
    const leader = await call(`${url}/leader`);
    assert.equal(leader.body.data.leader, "order-1");
    assert.equal(leader.body.data.term, 1);
    assert.equal((await call(`${url}/cluster`)).body.data.engine, "embedded");
    assert.equal((await call(`${url}/livez`)).status, 200);
    assert.equal((await call(`${url}/readyz`)).status, 200);
    assert.match(
      await (await fetch(`${url}/metrics`)).text(),
      /^bazaar_orders_total\{outcome="placed"\} [1-9]/m,
    );
    const api = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> };
    assert.deepEqual(Object.keys(api.paths["/orders"] ?? {}), ["post", "get"]);
    assert.equal((await fetch(`${url}/stocks/FishCo`, { method: "HEAD" })).status, 200);
  });

  test("waits for the position that a read asks for", async () => {
    const position = world.market.position;
    assert.equal((await call(`${url}/stocks/FishCo?atLeast=${position}`)).status, 200);
    const later = call(`${url}/stocks/FishCo?atLeast=${position + 1}`);
    await post(`${url}/orders`, { name: "FishCo", quantity: 1 });
    assert.equal((await later).status, 200);
  });

  const badRequests: readonly (readonly [string, string, RequestInit, number, string])[] = [
    ["malformed JSON", "/orders", { method: "POST", body: "{" }, 400, "malformed"],
    ["an empty body", "/orders", { method: "POST", body: "" }, 400, "malformed"],
    [
      "a body that is not UTF-8",
      "/orders",
      { method: "POST", body: new Uint8Array([0x22, 0xff, 0x22]) },
      400,
      "malformed",
    ],
    [
      "a number beyond all range",
      "/orders",
      { method: "POST", body: '{"name":"FishCo","quantity":1e309}' },
      400,
      "malformed",
    ],
    [
      "a __proto__ field",
      "/orders",
      { method: "POST", body: '{"name":"FishCo","quantity":1,"__proto__":{}}' },
      400,
      "malformed",
    ],
    [
      "half of a surrogate pair",
      "/orders",
      { method: "POST", body: '{"name":"\\ud83d","quantity":1}' },
      400,
      "malformed",
    ],
    ["deep nesting", "/orders", { method: "POST", body: "[".repeat(1_000_000) }, 400, "malformed"],
    [
      "deep nesting that closes",
      "/orders",
      { method: "POST", body: `${"[".repeat(100_000)}${"]".repeat(100_000)}` },
      400,
      "malformed",
    ],
    [
      "a huge body",
      "/orders",
      { method: "POST", body: `"${"x".repeat(5 * 1024 * 1024)}"` },
      413,
      "too-large",
    ],
    [
      "a form",
      "/orders",
      { method: "POST", body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "unsupported-media-type",
    ],
    [
      "another charset",
      "/orders",
      { method: "POST", body: "{}", headers: { "content-type": "application/json; charset=latin1" } },
      415,
      "unsupported-media-type",
    ],
    [
      "a compressed body",
      "/orders",
      {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json", "content-encoding": "gzip" },
      },
      415,
      "unsupported-media-type",
    ],
    [
      "a query on an order",
      "/orders?x=1",
      { method: "POST", body: '{"name":"FishCo","quantity":1}' },
      400,
      "malformed",
    ],
    [
      "a key with spaces",
      "/orders",
      {
        method: "POST",
        body: '{"name":"FishCo","quantity":1}',
        headers: { "content-type": "application/json", "idempotency-key": "a b" },
      },
      400,
      "malformed",
    ],
    [
      "a key that is too long",
      "/orders",
      {
        method: "POST",
        body: '{"name":"FishCo","quantity":1}',
        headers: { "content-type": "application/json", "idempotency-key": "k".repeat(256) },
      },
      400,
      "malformed",
    ],
    ["a malformed item", "/stocks", { method: "POST", body: "{}" }, 400, "malformed"],
    ["an unknown item", "/stocks/nix", {}, 404, "item-not-found"],
    ["an unknown item's id", "/stocks/99999999999999999999", {}, 404, "item-not-found"],
    ["an item's name that is too long", `/stocks/${"x".repeat(129)}`, {}, 400, "malformed"],
    ["a NUL in a name", "/stocks/a%00b", {}, 400, "malformed"],
    ["a malformed escape in a path", "/stocks/%zz", {}, 400, "malformed"],
    ["an escape that is not UTF-8", "/stocks/%ff", {}, 400, "malformed"],
    ["a path without an end", `/stocks/${"x".repeat(10_000)}`, {}, 400, "malformed"],
    ["an unknown order", "/orders/4000000", {}, 404, "order-not-found"],
    ["an order number beyond all range", "/orders/99999999999999999999", {}, 404, "order-not-found"],
    ["an order number that is none", "/orders/-1", {}, 400, "malformed"],
    ["an unknown parameter", "/stocks?x=1", {}, 400, "malformed"],
    ["a repeated parameter", "/stocks?limit=1&limit=1", {}, 400, "malformed"],
    ["a malformed escape in a query", "/stocks?topic=%", {}, 400, "malformed"],
    ["a limit of zero", "/stocks?limit=0", {}, 400, "malformed"],
    ["a limit that is too high", "/orders?limit=1001", {}, 400, "malformed"],
    ["a cursor that is none", "/stocks?after=12", {}, 400, "malformed"],
    ["an unknown consistency", "/stocks/FishCo?consistency=strong", {}, 400, "malformed"],
    ["a position that is none", "/stocks/FishCo?atLeast=x", {}, 400, "malformed"],
    ["an unknown path", "/nix", {}, 404, "not-found"],
    ["an unknown path under /api", "/api/api/stocks", {}, 404, "not-found"],
    ["a wrong method", "/leader", { method: "POST", body: "{}" }, 405, "method-not-allowed"],
    ["a wrong method on an item", "/stocks/FishCo", { method: "DELETE" }, 405, "method-not-allowed"],
  ];
  for (const [what, path, init, status, reason] of badRequests) {
    test(`refuses ${what} with ${status} ${reason}`, async () => {
      const headers = init.method === "POST" ? { "content-type": "application/json" } : {};
      const answer = await call(`${url}${path}`, { headers, ...init });
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.error?.code, status);
      assert.equal(answer.body.error?.reason, reason);
      assert.ok((answer.body.error?.message ?? "").length > 10);
      if (status === 405) assert.match(answer.headers.get("allow") ?? "", /GET/);
    });
  }

  test("refuses a body without a Content-Type with 415", async () => {
    const answer = await raw(
      world.port,
      "POST /orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    );
    assert.match(answer, /^HTTP\/1.1 415 /);
    assert.match(answer, /"reason":"unsupported-media-type"/);
  });

  test("refuses what is not HTTP, and heads that are too large, in the same words as all else", async () => {
    assert.match(
      await raw(world.port, "nonsense\r\n\r\n"),
      /^HTTP\/1.1 400 [\s\S]*{"error":{"code":400,"reason":"malformed"/,
    );
    const head = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`;
    assert.match(
      await raw(world.port, head),
      /^HTTP\/1.1 431 [\s\S]*{"error":{"code":431,"reason":"headers-too-large"/,
    );
  });

  test("answers a body that arrives in pieces", async () => {
    const body = '{"name":"FishCo","quantity":1}';
    const socket = connect(world.port, "127.0.0.1");
    const head = `POST /orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (const piece of [head, body.slice(0, 7), body.slice(7)]) {
      await new Promise((resolve) => socket.write(piece, resolve));
    }
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    assert.match(answer, /^HTTP\/1.1 200 /);
  });
});

describe("a front-end with a token", () => {
  let world: World;
  before(async () => {
    world = await startWorld({ token: "sesame" });
  });
  after(() => world.close());

  test("lets only its bearer change items and list orders", async () => {
    const item = { name: "new", priceMinor: 1, quantity: 1 };
    for (const path of ["/orders", "/api/orders"]) {
      const none = await call(`${world.url}${path}`);
      assert.equal(none.status, 401);
      assert.equal(none.headers.get("www-authenticate"), "Bearer");
      assert.equal(
        (await call(`${world.url}${path}`, { headers: { authorization: "Bearer open" } })).status,
        403,
      );
      assert.equal(
        (await call(`${world.url}${path}`, { headers: { authorization: "Bearer sesame" } })).status,
        200,
      );
    }
    assert.equal((await post(`${world.url}/stocks`, item)).status, 401);
    assert.equal((await post(`${world.url}/stocks`, item, { authorization: "bearer sesame" })).status, 200);
  });

  test("sells and shows items to everyone", async () => {
    assert.equal((await post(`${world.url}/orders`, { name: "FishCo", quantity: 1 })).status, 200);
    assert.equal((await call(`${world.url}/stocks/FishCo`)).status, 200);
    assert.equal((await call(`${world.url}/stocks`)).status, 200);
  });
});

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
  assert.ok(typeof address === "object" && address !== null && stocks !== undefined);
  const config = {
    role: "frontend",
    name: "frontend-1",
    id: 1,
    cluster,
    orders: [],
    public: { host: "127.0.0.1", port: address.port },
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
