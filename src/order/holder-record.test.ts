import assert from "node:assert/strict";
import { test } from "node:test";
import { HolderRecords, slowHolders } from "./holder-record.ts";

const { penaltyMs, penaltyMsMax, forgivenMs, names } = slowHolders;

test("one that was slow is left without a lease for a while, and longer each further time, up to a bound", () => {
  const records = new HolderRecords();
  assert.ok(records.admits("frontend-1", 0));
  let now = 0;
  for (const expected of [1, 2, 4, 8, 16, 16].map((times) => Math.min(times * penaltyMs, penaltyMsMax))) {
    records.wasSlow("frontend-1", now);
    assert.ok(!records.admits("frontend-1", now + expected - 1));
    now += expected;
    assert.ok(records.admits("frontend-1", now));
  }
  assert.ok(records.admits("frontend-2", now), "the others are not concerned");
});

test("what is found out again while it is barred already counts once", () => {
  const records = new HolderRecords();
  records.wasSlow("frontend-1", 0);
  records.wasSlow("frontend-1", penaltyMs / 2);
  assert.ok(records.admits("frontend-1", penaltyMs));
});

test("one that was not slow for long is as good as new", () => {
  const records = new HolderRecords();
  records.wasSlow("frontend-1", 0);
  const later = penaltyMs + forgivenMs + 1;
  records.wasSlow("frontend-1", later);
  assert.ok(records.admits("frontend-1", later + penaltyMs));
});

test("names are remembered up to a bound, and the oldest goes first", () => {
  const records = new HolderRecords();
  for (let i = 0; i <= names; i++) records.wasSlow(`frontend-${i}`, i);
  assert.ok(records.admits("frontend-0", names));
  assert.ok(!records.admits("frontend-1", names));
  assert.ok(!records.admits(`frontend-${names}`, names));
});
