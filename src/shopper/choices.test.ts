import assert from "node:assert/strict";
import { test } from "node:test";
import { choicesOf } from "./choices.ts";
import { defaultShopOptions, type ShopOptions } from "./options.ts";

const names = ["a", "b", "c", "d"];

function counts(options: Partial<ShopOptions>): number[] {
  const choices = choicesOf({ ...defaultShopOptions, ...options }, 0, names, () => undefined);
  const count = new Map<string, number>();
  for (let i = 0; i < 10_000; i++) {
    const name = choices.item();
    count.set(name, (count.get(name) ?? 0) + 1);
  }
  return names.map((name) => count.get(name) ?? 0);
}

test("uniform items are chosen equally often", () => {
  for (const count of counts({ items: "uniform" })) assert(Math.abs(count - 2_500) < 250, String(count));
});

test("zipf items are chosen in proportion to 1/rank", () => {
  const total = 1 + 1 / 2 + 1 / 3 + 1 / 4;
  counts({ items: "zipf" }).forEach((count, at) => {
    const expected = 10_000 / (at + 1) / total;
    assert(Math.abs(count - expected) < 250, `${count} for ${expected}`);
  });
});

test("quantities stay within their bounds, and both bounds occur", () => {
  const choices = choicesOf(
    { ...defaultShopOptions, quantity: { low: 3, high: 5 } },
    0,
    names,
    () => undefined,
  );
  const seen = new Set(Array.from({ length: 200 }, () => choices.quantity()));
  assert.deepEqual([...seen].sort(), [3, 4, 5]);
});

test("clients of one seed choose differently, and one side replaces a mix", () => {
  const items = (client: number): string[] => {
    const choices = choicesOf(defaultShopOptions, client, names, () => undefined);
    return Array.from({ length: 50 }, () => choices.item());
  };
  assert.notDeepEqual(items(0), items(1));
  const onlyBuys = choicesOf(defaultShopOptions, 0, names, () => "buy");
  assert(Array.from({ length: 50 }, () => onlyBuys.side()).every((side) => side === "buy"));
});
