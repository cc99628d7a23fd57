import assert from "node:assert/strict";
import { test } from "node:test";
import { Pacer } from "./pacer.ts";

test("tokens are evenly spaced, whoever takes them", () => {
  const pacer = new Pacer(100, () => 0);
  const reserved = [0, 0, 1e6, 1e6].map((now) => pacer.reserve(now));
  assert.deepEqual(reserved, [0, 1e7, 2e7, 3e7]);
});

test("after a stall there is no burst: at most one interval is caught up", () => {
  const pacer = new Pacer(100, () => 0);
  const now = 5e9;
  const reserved = Array.from({ length: 20 }, () => pacer.reserve(now));
  assert.equal(reserved.filter((at) => at <= now).length, 2);
});
