import assert from "node:assert/strict";
import { test } from "node:test";
import { compareStates, outvoted, type StateSighting } from "./state-comparison.ts";

const saw = (name: string, position: number, hash: string): StateSighting => ({ name, position, hash });
const names = ["order-1", "order-2"];

test("replicas are compared at the highest position at which all were seen", () => {
  const sightings = [
    saw("order-1", 1_024, "aa"),
    saw("order-1", 2_048, "bb"),
    saw("order-1", 2_100, "cc"),
    saw("order-2", 1_024, "aa"),
    saw("order-2", 2_048, "bb"),
  ];
  assert.deepEqual(compareStates(names, sightings), { kind: "equal", position: 2_048, hash: "bb" });
});

test("a difference is found although a higher common position agrees", () => {
  const sightings = [
    saw("order-1", 2, "xx"),
    saw("order-2", 2, "xx"),
    saw("order-1", 1, "aa"),
    saw("order-2", 1, "bb"),
  ];
  const found = compareStates(names, sightings);
  assert.equal(found.kind === "different" && found.position, 1);
});

test("one replica that says two things of the same position differs from itself", () => {
  const found = compareStates(["order-1"], [saw("order-1", 7, "aa"), saw("order-1", 7, "bb")]);
  assert.equal(found.kind, "different");
});

test("without a common position nothing is claimed", () => {
  const apart = [saw("order-1", 1, "aa"), saw("order-2", 2, "bb")];
  assert.deepEqual(compareStates(names, apart), { kind: "no-common-position" });
});

test("where most agree, the one that differs from them is named, and where none are more, nobody", () => {
  const third = saw("order-3", 7, "aa");
  assert.deepEqual(outvoted([saw("order-1", 7, "aa"), saw("order-2", 7, "bb"), third]), ["order-2"]);
  assert.deepEqual(outvoted([saw("order-1", 7, "aa"), saw("order-2", 7, "bb")]), []);
});
