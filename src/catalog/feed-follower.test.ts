import assert from "node:assert/strict";
import { test } from "node:test";
import { present } from "../base/assert.ts";
import { DecodeError } from "../base/bytes.ts";
import { goods, named, order, underKey } from "../market/fixture.test-support.ts";
import { type FeedDecision, type FeedFollower, feedFollower, step } from "./feed-follower.ts";
import { History, rowsOf, strangeRows } from "./history.test-support.ts";

const silenceMs = 1_000;

/** A market of three items at entry 1, and five entries behind it. */
function history(): History {
  const told = new History();
  told.add({ kind: "found", definition: goods });
  for (let i = 1; i <= 4; i++) told.add(order(underKey(i), "buy", named("Lamp", 1)));
  told.add();
  return told;
}

/** Tell all of the state after entry `index`; returns the decision at the end. */
function tellWhole(follower: FeedFollower, of: History, index: number, itemsPerPart = 2): FeedDecision {
  let decision: FeedDecision = { kind: "none" };
  for (const part of of.parts(index, itemsPerPart)) {
    assert.equal(decision.kind, "none");
    decision = step(follower, { kind: "items", part });
  }
  return decision;
}

function tell(follower: FeedFollower, of: History, index: number): FeedDecision {
  return step(follower, { kind: "change", change: of.change(index) });
}

function follows(decision: FeedDecision, follower: FeedFollower): number {
  assert.equal(decision.kind, "follow");
  return follower.replica;
}

/** What is served is the state after this entry, exactly. */
function serves(follower: FeedFollower, of: History, index: number): void {
  const served = present(follower.served, "a served state");
  assert.equal(served.position, of.at(index).position);
  assert.deepEqual(rowsOf(served), of.at(index).items);
}

test("nothing is served before the last part of the first state, and then every change at its position", () => {
  const of = history();
  const follower = feedFollower(3, 4, silenceMs);
  assert.equal(follower.replica, 1);
  const [first, last] = of.parts(2, 2);
  assert.ok(first !== undefined && last !== undefined);
  assert.deepEqual(step(follower, { kind: "items", part: first }), { kind: "none" });
  assert.equal(follower.served, undefined);
  const whole = step(follower, { kind: "items", part: last });
  assert.ok(whole.kind === "advanced" && whole.takenOver);
  serves(follower, of, 2);
  for (const index of [3, 4, 5]) {
    const decision = tell(follower, of, index);
    assert.ok(decision.kind === "advanced" && !decision.takenOver);
    serves(follower, of, index);
  }
});

test("an item that is added is found by its name, and a market that is not founded yet is a state too", () => {
  const of = history();
  const follower = feedFollower(1, 0, silenceMs);
  assert.equal(tellWhole(follower, of, 0).kind, "advanced");
  assert.equal(tell(follower, of, 1).kind, "advanced");
  of.add({ kind: "add-item", id: underKey(9), item: { name: "Boat", priceMinor: 7, quantity: 1 } });
  for (const index of [2, 3, 4, 5, 6, 7]) tell(follower, of, index);
  serves(follower, of, 7);
  assert.equal(follower.served?.items.itemsByName.get("boat")?.id, 4);
});

test("a lost feed is followed by that of the next replica, and meanwhile the old state is served", () => {
  const of = history();
  const follower = feedFollower(3, 2, silenceMs);
  tellWhole(follower, of, 3);
  assert.equal(follows(step(follower, { kind: "lost" }), follower), 0);
  serves(follower, of, 3);
  tellWhole(follower, of, 4);
  serves(follower, of, 4);
});

test("a new feed's change does not continue the state that another feed has told", () => {
  const of = history();
  const follower = feedFollower(3, 0, silenceMs);
  tellWhole(follower, of, 3);
  step(follower, { kind: "lost" });
  assert.equal(follows(tell(follower, of, 4), follower), 2);
  serves(follower, of, 3);
});

test("a replica that is behind is not served from until it has told as much as is served", () => {
  const of = history();
  const follower = feedFollower(2, 0, silenceMs);
  tellWhole(follower, of, 4);
  step(follower, { kind: "lost" });
  assert.deepEqual(tellWhole(follower, of, 2), { kind: "none" });
  assert.deepEqual(tell(follower, of, 3), { kind: "none" });
  serves(follower, of, 4);
  const caughtUp = tell(follower, of, 4);
  assert.ok(caughtUp.kind === "advanced" && caughtUp.takenOver);
  tell(follower, of, 5);
  serves(follower, of, 5);
});

test("a gap, a repetition, a change before the state is whole, and parts of two states each end the feed", () => {
  const of = history();
  const spoil: ((follower: FeedFollower) => FeedDecision)[] = [
    (follower) => tell(follower, of, 4),
    (follower) => tell(follower, of, 2),
    (follower) => {
      step(follower, { kind: "items", part: present(of.parts(3, 2)[0], "a part") });
      return tell(follower, of, 4);
    },
    (follower) => {
      step(follower, { kind: "items", part: present(of.parts(3, 2)[0], "a part") });
      return step(follower, { kind: "items", part: present(of.parts(4, 2)[1], "a part") });
    },
  ];
  for (const one of spoil) {
    const follower = feedFollower(2, 0, silenceMs);
    tellWhole(follower, of, 2);
    assert.equal(follows(one(follower), follower), 1);
    serves(follower, of, 2);
  }
});

test("a replica that begins anew on the same connection is followed from there", () => {
  const of = history();
  const follower = feedFollower(2, 0, silenceMs);
  tellWhole(follower, of, 2);
  assert.equal(tellWhole(follower, of, 5).kind, "advanced");
  serves(follower, of, 5);
});

test("malformed rows leave what is served as it was", () => {
  const of = history();
  const { index, position } = of.change(3);
  const malformed = [
    strangeRows([1, "Rope"]),
    strangeRows([2, "Rope"], [5, "Boat"]),
    strangeRows([4, "lamp"]),
    strangeRows([4, "Boat"], [5, "boat"]),
    new Uint8Array([...strangeRows([2, "Rope"]), 0]),
    new Uint8Array([2, ...strangeRows([2, "Rope"]).subarray(1)]),
  ];
  for (const rows of malformed) {
    const follower = feedFollower(1, 0, silenceMs);
    tellWhole(follower, of, 2);
    const change = { kind: "change", change: { index, position, rows } } as const;
    assert.throws(() => step(follower, change), DecodeError);
    serves(follower, of, 2);
    assert.equal(follower.served?.items.itemsByName.has("boat"), false);
  }
});

test("a feed that is silent for too long is left, counted from the last frame", () => {
  const of = history();
  const follower = feedFollower(2, 0, silenceMs);
  tellWhole(follower, of, 2);
  const pass = (ms: number): FeedDecision => step(follower, { kind: "elapsed", ms });
  assert.equal(pass(silenceMs).kind, "none");
  tell(follower, of, 3);
  assert.equal(pass(silenceMs).kind, "none");
  assert.equal(follows(pass(1), follower), 1);
  assert.equal(pass(silenceMs).kind, "none", "the next one has as much time");
  assert.equal(follows(pass(1), follower), 0);
});

test("where no replica has news each is borne with for longer, until one has, but never one that says nothing", () => {
  const of = history();
  const follower = feedFollower(3, 0, silenceMs);
  const patience = (): number => {
    let ms = 0;
    while (step(follower, { kind: "elapsed", ms: 100 }).kind === "none") ms += 100;
    return ms;
  };
  const waited: number[] = [];
  for (let i = 0; i < 7; i++) {
    tellWhole(follower, of, 2);
    waited.push(patience());
  }
  assert.deepEqual(
    waited.slice(0, 5),
    [1, 2, 4, 8, 16].map((times) => times * silenceMs),
  );
  assert.equal(waited.at(-1), 16 * silenceMs);
  follower.silentMs = 0;
  assert.equal(patience(), silenceMs, "it did not even send its items");
  follower.silentMs = 0;
  tellWhole(follower, of, 3);
  assert.equal(patience(), silenceMs, "it had news");
});

test("when every replica was tried in vain the next round waits, longer and longer up to a bound", () => {
  const of = history();
  const follower = feedFollower(2, 0, silenceMs);
  const pauses: number[] = [];
  for (let i = 0; i < 14; i++) {
    const decision = step(follower, { kind: "lost" });
    assert.ok(decision.kind === "follow");
    pauses.push(decision.afterMs);
  }
  assert.deepEqual(pauses.slice(0, 6), [0, 50, 50, 100, 100, 200]);
  assert.equal(pauses.at(-1), 1_000);
  tellWhole(follower, of, 1);
  tell(follower, of, 2);
  assert.deepEqual(step(follower, { kind: "lost" }), { kind: "follow", afterMs: 0 });
});

test("the pause before a replica is dialled is not held against it", () => {
  const follower = feedFollower(1, 0, silenceMs);
  for (let i = 0; i < 9; i++) step(follower, { kind: "lost" });
  assert.equal(step(follower, { kind: "elapsed", ms: silenceMs + 1_000 }).kind, "none");
  assert.equal(step(follower, { kind: "elapsed", ms: 1 }).kind, "follow");
});
