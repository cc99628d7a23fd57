/** What a front-end answers when all is well. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { acknowledged, call, post, startWorld, stocks, type World } from "./fake-world.test-support.ts";

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
    await acknowledged(world, key);
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

  test("pages through items and orders too large for one answer of a replica", async () => {
    for (let i = 0; i < 5; i++)
      await post(`${url}/orders`, { name: "FishCo", quantity: 1, customer: "large", reference: `r${i}` });
    world.market.rowsMax = 2;
    const references: string[] = [];
    for (let before = "", more = true; more; ) {
      const { body } = await call(`${url}/orders?customer=large&limit=1000${before}`);
      references.push(...body.list.map(({ reference }) => reference));
      more = body.next !== undefined;
      before = `&before=${body.next}`;
    }
    const all = await call(`${url}/stocks?limit=5`);
    world.market.rowsMax = Number.POSITIVE_INFINITY;
    assert.deepEqual(references, ["r4", "r3", "r2", "r1", "r0"]);
    assert.equal(all.body.list.length, 2);
    const rest = await call(`${url}/stocks?limit=3&after=${all.body.next}`);
    assert.deepEqual(
      [...all.body.list, ...rest.body.list].map(({ name }) => name),
      stocks.items.slice(0, 5).map(({ name }) => name),
    );
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
