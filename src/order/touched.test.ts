import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logIndex, term } from "../base/units.ts";
import type { Command } from "../market/command.ts";
import {
  acknowledgement,
  goods,
  inSession,
  named,
  openShop,
  order,
  someCommand,
  tick,
} from "../market/fixture.test-support.ts";
import type { ItemRow } from "../market/rows.ts";
import type { Touched } from "../wire/lease.ts";
import { Reign } from "./reign.ts";
import { touchedBy } from "./touched.ts";

const nothingAhead = { ticks: 0, additions: 0 };
const { market } = openShop();
const addition: Command = {
  kind: "add-item",
  id: inSession(9),
  item: { name: "New", priceMinor: 1, quantity: 1 },
};

/** Whether someone who keeps replies knows that these rows were changed, or were not there before. */
function covers(touched: Touched, rows: readonly ItemRow[], itemsBefore: number): boolean {
  if (touched.kind === "all") return true;
  return rows.every(({ id }) => (id > itemsBefore ? touched.kind === "lists" : touched.items.includes(id)));
}

test("whatever entries change is touched by them, as told when they are appended, at the position that is told", () => {
  const entries = fc.array(fc.array(someCommand, { minLength: 1, maxLength: 6 }), { maxLength: 25 });
  const lags = fc.infiniteStream(fc.integer({ min: 0, max: 3 }));
  fc.assert(
    fc.property(entries, lags, (list, lag) => {
      const shop = openShop();
      const reign = new Reign(term(1), shop.market.position);
      const appended: { commands: readonly Command[]; position: number; touched: Touched }[] = [];
      let applied = 0;
      const applyNext = (): void => {
        const next = appended[applied++];
        assert.ok(next);
        const itemsBefore = shop.market.items.length;
        const { rows } = shop.run(next.commands);
        assert.equal(shop.market.position, next.position);
        assert.ok(covers(next.touched, rows.items, itemsBefore), JSON.stringify(next.touched));
        reign.applied(logIndex(applied), shop.market.position);
      };
      for (const commands of list) {
        const touched = touchedBy(shop.market, commands, reign.ahead);
        reign.appended(logIndex(appended.length + 1), commands);
        appended.push({ commands, position: reign.position, touched });
        const behind: number = lag.next().value;
        while (appended.length - applied > behind) applyNext();
      }
      while (applied < appended.length) applyNext();
      assert.deepEqual(reign.ahead, nothingAhead);
    }),
  );
});

test("orders touch each of their items once, by whatever name", () => {
  const commands = [
    order(inSession(1), "buy", named("rope", 1), named("Lamp", 1)),
    order(inSession(2), "sell", named("ROPE", 1)),
    order(inSession(3), "buy", { item: { kind: "id", id: 1 as never }, quantity: 1 }),
  ];
  assert.deepEqual(touchedBy(market, commands, nothingAhead), { kind: "items", items: [2, 1] });
});

test("sessions, acknowledgements and orders of what does not exist touch nothing", () => {
  const commands: Command[] = [
    { kind: "open-session" },
    acknowledgement(3),
    order(inSession(1), "buy", named("Unknown", 1)),
  ];
  assert.deepEqual(touchedBy(market, commands, nothingAhead), { kind: "items", items: [] });
});

test("what is not known yet may be what is being added, ahead or in the entry itself", () => {
  const unknown = order(inSession(1), "buy", named("New", 1));
  assert.deepEqual(touchedBy(market, [unknown], { ticks: 0, additions: 1 }), { kind: "all" });
  assert.deepEqual(touchedBy(market, [addition, unknown], nothingAhead), { kind: "all" });
  const known = order(inSession(1), "buy", named("Lamp", 1));
  assert.deepEqual(touchedBy(market, [addition, known], { ticks: 0, additions: 1 }), {
    kind: "lists",
    items: [1],
  });
});

test("a tick touches everything if the restock rule runs at it, ticks ahead of it counted", () => {
  const every = goods.restock?.everyTicks;
  assert.equal(every, 3);
  const touches = [0, 1, 2, 3].map((ticks) => touchedBy(market, [tick], { ticks, additions: 0 }).kind);
  assert.deepEqual(touches, ["items", "items", "all", "items"]);
  assert.equal(touchedBy(market, [tick, tick, tick], nothingAhead).kind, "all");
});

test("founding a market touches everything", () => {
  assert.equal(touchedBy(market, [{ kind: "found", definition: goods }], nothingAhead).kind, "all");
});
