import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Histogram } from "./histogram.ts";

test("a percentile is at least the exact one and at most 1.6 % (and a microsecond) above it", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 60_000_000_000 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.9, 0.99, 1),
      (latencies, share) => {
        const histogram = new Histogram();
        for (const ns of latencies) histogram.record(ns);
        const sorted = latencies.toSorted((a, b) => a - b);
        const exactMs = (sorted[Math.ceil(sorted.length * share) - 1] ?? 0) / 1e6;
        const told = histogram.percentileMs(share);
        assert(told >= exactMs - 1e-9 && told <= exactMs * 1.016 + 0.001, `${told} for ${exactMs}`);
      },
    ),
  );
});

test("mean, count and maximum are exact", () => {
  const histogram = new Histogram();
  for (const ms of [1, 2, 9]) histogram.record(ms * 1e6);
  const { count, meanMs, maxMs } = histogram.summary();
  assert.deepEqual([count, meanMs, maxMs], [3, 4, 9]);
});
