/**
 * The published protocol is guilty: five scenarios, each the smallest that shows one of the ways in which it breaks.
 * What its clients saw is a history, and no correct service can have given it. docs/course/README.md tells why, with
 * these very histories.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { CourseRules } from "../catalog.ts";
import { Notebook } from "./client.ts";
import { assertAccepted, assertRejected } from "./judge.ts";
import { CourseWorld } from "./world.ts";

const name = "FishCo";
const priceMinor = 17_99;
const rules: CourseRules = { sides: ["buy", "sell"], items: [{ name, priceMinor, quantity: 10 }] };
const buy = (quantity: number) => ({ name, side: "buy", quantity }) as const;

async function begin(): Promise<{ readonly world: CourseWorld; readonly notebook: Notebook }> {
  const world = await CourseWorld.start(rules);
  const initial = [{ item: name, quantity: 10, volume: 0, priceMinor }];
  return { world, notebook: new Notebook(world, { complete: true, positions: false, initial }) };
}

/** P3: the units that left the catalog, less those that the orders of a replica's log tell of. */
function unitsWithoutAnOrder(world: CourseWorld, replica: number): number {
  const byNumber = new Map(world.log(replica).map((order) => [order.number, order]));
  let told = 0;
  for (const { side, quantity } of byNumber.values()) told += side === "buy" ? quantity : -quantity;
  return 10 - world.stock(name) - told;
}

test("undisturbed it is right: what its clients see is accepted, and its replicas have the same file", async () => {
  const { world, notebook } = await begin();
  assert.equal(await notebook.read(1, name), 10);
  assert.equal(await notebook.order(1, buy(3)), 0);
  assert.equal(await notebook.read(2, name), 7);
  assert.equal(await notebook.read(1, name), 7);
  assert.deepEqual(
    await Promise.all([
      notebook.order(1, buy(2)),
      notebook.order(2, { name, side: "sell", quantity: 5 }),
      notebook.order(3, buy(4)),
    ]),
    [1, 2, 3],
  );
  assert.equal(await notebook.order(2, buy(100)), undefined);
  for (const number of [0, 1, 2, 3]) assert.equal(await notebook.query(3, number), true);
  assert.equal(await notebook.query(3, 4), false);
  assert.equal(await notebook.read(3, name), 6);
  for (const replica of [1, 2, 3]) {
    assert.equal(unitsWithoutAnOrder(world, replica), 0);
    assert.deepEqual(world.log(replica), world.log(3));
  }
  world.end();
  await assertAccepted(notebook);
});

test("a follower that was away copies from the leader what it missed", async () => {
  const { world, notebook } = await begin();
  await notebook.order(1, buy(1));
  world.kill("order-2");
  await notebook.order(1, buy(2));
  await world.startReplica(2);
  await notebook.order(1, buy(3));
  assert.deepEqual(world.log(2), world.log(3));
  assert.equal(world.log(2).length, 3);
  await assertAccepted(notebook);
});

test("1. an order that was confirmed is lost, if its leader dies before the order has left it", async () => {
  const { world, notebook } = await begin();
  for (const to of ["order-2", "order-1"]) world.lose({ leg: "asks", from: "order-3", to, kind: "record" });
  assert.equal(await notebook.order(1, buy(4)), 0);
  world.kill("order-3");
  assert.equal(await notebook.query(1, 0), false);
  assert.equal(world.log(2).length, 0);
  assert.equal(unitsWithoutAnOrder(world, 2), 4);
  world.end();
  await assertRejected(notebook, "order buy 4 by 1", "query #0 by 1");
});

test("1b. and its number is given again: whoever asks for it is shown a stranger's order", async () => {
  const { world, notebook } = await begin();
  for (const to of ["order-2", "order-1"]) world.lose({ leg: "asks", from: "order-3", to, kind: "record" });
  assert.equal(await notebook.order(1, buy(4)), 0);
  world.kill("order-3");
  assert.equal(await notebook.order(2, buy(1)), 0);
  assert.equal(await notebook.query(1, 0), true);
  await assertRejected(notebook, "order buy 4 by 1", "query #0 by 1");
});

test("2. an order is carried out twice, if its leader dies after doing it and the front-end asks the next", async () => {
  const { world, notebook } = await begin();
  const dead = world.when({ leg: "answers", from: "frontend", to: "order-3", kind: "trade" }, () => {
    world.kill("order-3");
  });
  assert.equal(await notebook.order(1, buy(4)), 1);
  await dead;
  assert.equal(await notebook.read(1, name), 2);
  assert.deepEqual(
    world.log(2).map(({ number, quantity }) => [number, quantity]),
    [
      [0, 4],
      [1, 4],
    ],
  );
  await assertRejected(notebook, "order buy 4 by 1", "read by 1");
});

test("3. stock is gone and no order tells of it, if its leader dies between the catalog and its file", async () => {
  const { world, notebook } = await begin();
  const dead = world.when({ leg: "answers", from: "order-3", to: "catalog", kind: "trade" }, () => {
    world.kill("order-3");
  });
  // Its client is refused what nobody else has bought.
  assert.equal(await notebook.order(1, buy(10)), undefined);
  await dead;
  assert.equal(world.stock(name), 0);
  for (const replica of [1, 2, 3]) assert.equal(unitsWithoutAnOrder(world, replica), 10);
  await assertRejected(notebook, "order buy 10 by 1");
});

test("4. a leader that only slept gives an order the number that its successor gave another", async () => {
  const { world, notebook } = await begin();
  const asleep = world.when({ leg: "answers", from: "order-3", to: "catalog", kind: "trade" }, () => {
    world.pause("order-3");
  });
  const first = notebook.order(1, buy(4));
  await asleep;
  // A question that was asked before it: its time is up, and the front-end chooses again.
  assert.equal(await notebook.query(2, 0), false);
  assert.equal(await notebook.order(2, buy(1)), 0);
  await world.resume("order-3");
  assert.equal(await first, 0);
  await assertRejected(notebook, "order buy 4 by 1", "order buy 1 by 2");
  const told = (replica: number) => world.log(replica).map(({ number, quantity }) => [number, quantity]);
  assert.deepEqual(told(2), [
    [0, 1],
    [0, 4],
  ]);
  // It comes back, asks what comes after its last number, and is told that there is nothing.
  world.kill("order-3");
  await world.startReplica(3);
  assert.deepEqual(told(3), [
    [0, 4],
    [0, 1],
  ]);
});

test("5. an item is shown as it was before an order that was confirmed, if one push was lost", async () => {
  const { world, notebook } = await begin();
  assert.equal(await notebook.read(1, name), 10);
  world.lose({ leg: "asks", from: "catalog", to: "frontend", kind: "invalidate" });
  assert.equal(await notebook.order(2, buy(4)), 0);
  assert.equal(await notebook.read(1, name), 10);
  assert.equal(world.stock(name), 6);
  world.end();
  await assertRejected(notebook, "order buy 4 by 2", "read by 1");
});

test("5b. so it is if no message was lost, but a reply was slower than the push", async () => {
  const { world, notebook } = await begin();
  const slow = world.hold({ leg: "answers", from: "frontend", to: "catalog", kind: "look-up" });
  const early = notebook.read(1, name);
  await slow.reached;
  assert.equal(await notebook.order(2, buy(4)), 0);
  slow.release();
  // This one is right: it began before the order. But what it was told is kept.
  assert.equal(await early, 10);
  assert.equal(await notebook.read(1, name), 10);
  await assertRejected(notebook, "order buy 4 by 2", "read by 1");
});
