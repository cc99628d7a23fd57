import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { nestsDeeper } from "./nesting.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test("the depth that is found is that of the value, whatever its texts hold", () => {
  const texts = fc.string({ unit: fc.constantFrom(...'[]{}"\\,: aé') });
  const values = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      texts,
      fc.nat(),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(texts, tie("value"), { maxKeys: 3 }),
    ),
  })).value;
  fc.assert(
    fc.property(values, (value) => {
      const json = bytes(JSON.stringify(value));
      const depth = depthOf(value);
      assert.equal(nestsDeeper(json, depth), false);
      if (depth > 0) assert.equal(nestsDeeper(json, depth - 1), true);
    }),
  );
});

test("brackets that are never closed count", () => {
  assert.equal(nestsDeeper(bytes("[".repeat(33)), 32), true);
  assert.equal(nestsDeeper(bytes('{"a":'.repeat(33)), 32), true);
  assert.equal(nestsDeeper(bytes("[]".repeat(1_000)), 32), false);
});
