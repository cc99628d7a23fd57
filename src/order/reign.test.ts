import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, position, term } from "../base/units.ts";
import type { Command } from "../market/command.ts";
import { Reign } from "./reign.ts";

const tick: Command = { kind: "tick" };
const session: Command = { kind: "open-session" };

test("a reign knows the position of what it appends before anything is applied", () => {
  const reign = new Reign(term(4), position(10));
  reign.appended(logIndex(7), [session, tick]);
  reign.appended(logIndex(9), [tick]);
  assert.equal(reign.position, 13);
  assert.deepEqual(reign.ahead, { ticks: 2, additions: 0 });
  reign.applied(logIndex(7), position(12));
  // An entry of the log's own, between two of the reign's.
  reign.applied(logIndex(8), position(12));
  assert.deepEqual(reign.ahead, { ticks: 1, additions: 0 });
  reign.applied(logIndex(9), position(13));
  assert.deepEqual(reign.ahead, { ticks: 0, additions: 0 });
  assert.equal(reign.position, 13);
});

test("a position that turns out otherwise ends the replica", () => {
  const reign = new Reign(term(1), position(0));
  reign.appended(logIndex(1), [tick]);
  assert.throws(() => reign.applied(logIndex(1), position(2)), /was to end at 1/);
});

test("an entry that is passed over ends the replica", () => {
  const reign = new Reign(term(1), position(0));
  reign.appended(logIndex(1), [tick]);
  assert.throws(() => reign.applied(logIndex(2), position(1)), /entry 1 was to end/);
});
