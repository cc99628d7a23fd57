import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { indexesWhere, sortByKey } from "./sort.ts";

test("indexes are sorted by key, and equal keys keep their order", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(20), fc.constant(Number.POSITIVE_INFINITY))), (keys) => {
      const sorted = sortByKey(
        indexesWhere(keys.length, () => true),
        Float64Array.from(keys),
      );
      const expected = keys.map((_, i) => i).sort((a, b) => Number(keys[a]) - Number(keys[b]) || a - b);
      assert.deepEqual([...sorted], expected);
    }),
  );
});

test("only the wanted indexes are kept", () => {
  assert.deepEqual([...indexesWhere(6, (i) => i % 2 === 1)], [1, 3, 5]);
});
