import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ByteReader } from "../base/bytes.ts";
import { wireLimits } from "../base/limits.ts";
import { logIndex } from "../base/units.ts";
import { readItem } from "../market/codec.ts";
import { inSession, named, openShop, order, type Shop } from "../market/fixture.test-support.ts";
import type { ItemRow } from "../market/rows.ts";
import { readChange, readFeedItems } from "../wire/feed.ts";
import { serviceFrames } from "../wire/service.ts";
import { CatalogLink } from "./catalog-link.ts";
import { FakeConnection } from "./fake-connection.test-support.ts";
import { Feed } from "./feed.ts";

const { feedItems, change } = serviceFrames;

/** A replica's feed over a market of these many items, a catalog that is not there yet, and front-ends that hold leases. */
function desk(t: TestContext, items = 3) {
  const shop = openShop({
    name: "large",
    resource: "goods",
    currency: "USD",
    sides: ["buy"],
    items: Array.from({ length: items }, (_, n) => ({
      name: `item ${n} ${"x".repeat(100)}`,
      priceMinor: 1,
      quantity: 1_000,
    })),
  });
  const applied = { index: logIndex(1) };
  const holders = { held: false, told: [] as { kind: number; body: Uint8Array }[] };
  const leases = {
    get held() {
      return holders.held;
    },
    tell: (kind: number, body: Uint8Array) => {
      holders.told.push({ kind, body: body.slice() });
    },
  };
  const feed = new Feed({ market: shop.market, applied, leases });
  const catalog = () => {
    const connection = new FakeConnection();
    const link = new CatalogLink(connection);
    t.after(() => link.closed());
    return { connection, link };
  };
  let sequence = 0;
  /** The next entry is applied. */
  const run = (...names: number[]): void => {
    applied.index = logIndex(applied.index + 1);
    if (names.length === 0) return feed.changed(applied.index, []);
    const lines = names.map((n) => named(`item ${n} ${"x".repeat(100)}`, 1));
    const { rows } = shop.run([order(inSession(++sequence), "buy", ...lines)]);
    feed.changed(applied.index, rows.items);
  };
  return { shop, feed, holders, catalog, run };
}

function rowsOf(bytes: Uint8Array): ItemRow[] {
  const reader = new ByteReader(bytes);
  const rows = Array.from({ length: reader.varint() }, () => readItem(reader));
  reader.end();
  return rows;
}

/** What a catalog makes of what it was sent: the items, the index and the position, or why it cannot. */
function followed(connection: FakeConnection) {
  const items = new Map<number, ItemRow>();
  let at: { index: number; position: number } | undefined;
  for (const frame of connection.frames) {
    const body = new ByteReader(frame.body);
    if (frame.kind === feedItems) {
      assert.ok(at === undefined, "a part behind the last one");
      const part = readFeedItems(body);
      for (const row of rowsOf(part.rows)) items.set(row.id, row);
      if (part.last) at = { index: part.index, position: part.position };
    } else {
      assert.equal(frame.kind, change);
      const { index, position, rows } = readChange(body);
      assert.ok(at !== undefined, "a change before the last part");
      assert.equal(index, at.index + 1);
      for (const row of rowsOf(rows)) items.set(row.id, row);
      at = { index, position };
    }
  }
  return { at, rows: [...items.values()] };
}

function marketRows(shop: Shop): ItemRow[] {
  return [...shop.items.values()];
}

test("a catalog is sent all items, and from there on the changed rows of every entry", (t) => {
  const { shop, feed, catalog, run } = desk(t);
  const { connection, link } = catalog();
  run(0);
  feed.follow(link);
  run(1, 2);
  run();
  run(1);
  const { at, rows } = followed(connection);
  assert.deepEqual(rows, marketRows(shop));
  assert.deepEqual(at, { index: 5, position: shop.market.position });
  const changes = connection.sent(change, readChange);
  assert.deepEqual(
    changes.map((one) => rowsOf(one.rows).length),
    [2, 0, 1],
  );
});

test("many items leave in parts of one state, and the changes made meanwhile come behind them", async (t) => {
  const { shop, feed, catalog, run } = desk(t, 40_000);
  const { connection, link } = catalog();
  feed.follow(link);
  run(0, 39_999);
  assert.equal(connection.sent(change, readChange).length, 0);
  await connection.first(change, readChange);
  const parts = connection.sent(feedItems, readFeedItems);
  assert.ok(parts.length > 2, `${parts.length} parts`);
  for (const { rows } of parts) assert.ok(rows.length < 1_100_000, `a part of ${rows.length} bytes`);
  run(7);
  const { at, rows } = followed(connection);
  assert.deepEqual(rows, marketRows(shop));
  assert.equal(at?.position, shop.market.position);
});

test("parts wait for a catalog that reads slowly", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { feed, catalog } = desk(t, 40_000);
  const { connection, link } = catalog();
  feed.follow(link);
  connection.queuedBytes = wireLimits.queuedBytes / 2;
  t.mock.timers.tick(1_000);
  assert.equal(connection.frames.length, 1);
  connection.queuedBytes = 0;
  for (let sent = 1; sent < 4; sent++) {
    t.mock.timers.tick(10);
    assert.ok(connection.frames.length > sent);
  }
});

test("a catalog that does not read its items while much changes is cut off", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { feed, catalog } = desk(t, 40_000);
  const { connection, link } = catalog();
  feed.follow(link);
  connection.queuedBytes = wireLimits.queuedBytes / 2;
  const large = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 32; i++) link.change(large);
  assert.equal(connection.closed, false);
  link.change(large);
  assert.equal(connection.closed, true);
});

test("a catalog that reads nothing is cut off, and another one that follows is not", (t) => {
  const { feed, catalog, run } = desk(t);
  const [deaf, well] = [catalog(), catalog()];
  deaf.connection.send = () => false;
  feed.follow(deaf.link);
  feed.follow(well.link);
  run(0);
  assert.deepEqual([deaf.connection.closed, well.connection.closed], [true, false]);
  assert.equal(followed(well.connection).at?.index, 2);
});

test("lease holders are told of every change too, in the same bytes", (t) => {
  const { feed, holders, catalog, run } = desk(t);
  run(0);
  assert.equal(holders.told.length, 0);
  holders.held = true;
  const { connection, link } = catalog();
  feed.follow(link);
  run(0);
  const sent = connection.frames.find((frame) => frame.kind === change);
  assert.deepEqual(
    holders.told.map(({ kind, body }) => [kind, Buffer.from(body)]),
    [[change, Buffer.from(sent?.body ?? [])]],
  );
});

test("when the state is begun anew whoever followed the old one is cut off", (t) => {
  const { feed, catalog, run } = desk(t);
  const { connection, link } = catalog();
  feed.follow(link);
  feed.startAnew();
  assert.equal(connection.closed, true);
  run(0);
  assert.equal(connection.sent(change, readChange).length, 0);
});

test("a change of more rows than a frame may hold cuts catalogs off and tells holders the position", (t) => {
  const { shop, feed, holders, catalog } = desk(t, 100_000);
  holders.held = true;
  const { connection, link } = catalog();
  feed.follow(link);
  feed.changed(logIndex(2), marketRows(shop));
  assert.equal(connection.closed, true);
  assert.equal(holders.told.length, 1);
  const told = readChange(new ByteReader(holders.told[0]?.body ?? new Uint8Array()));
  assert.deepEqual([told.position, rowsOf(told.rows)], [shop.market.position, []]);
});
