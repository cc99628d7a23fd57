/** Any replicas, however far behind, in any interleaving of changes, losses, gaps, silences and fresh starts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { present } from "../base/assert.ts";
import { DecodeError } from "../base/bytes.ts";
import type { Command } from "../market/command.ts";
import { goods, named, order, someCommand, underKey } from "../market/fixture.test-support.ts";
import { type FeedDecision, type FeedFollower, type FeedInput, feedFollower, step } from "./feed-follower.ts";
import { History, rowsOf } from "./history.test-support.ts";

const replicas = 3;
const silenceMs = 100;

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("apply" as const), replica: fc.nat(replicas - 1) }) },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("deliver" as const), frames: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "lose" as const }) },
  /** A frame on its way is gone, as if the replica had left it out. */
  { weight: 2, arbitrary: fc.constant({ kind: "omit" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(silenceMs * 2) }) },
  /** The replica that is followed takes over a newer state, and tells it on the same connection. */
  { weight: 1, arbitrary: fc.constant({ kind: "jump" as const }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

/** Small purchases, each of which changes an item, among commands of every kind. */
const purchase = fc
  .record({ key: fc.nat(), item: fc.constantFrom("Lamp", "Rope") })
  .map(({ key, item }): Command => order(underKey(key), "buy", named(item, 1)));
/** Entries of up to three commands; some are the log's own and empty. */
const entries = fc.array(
  fc.array(fc.oneof({ weight: 3, arbitrary: purchase }, { weight: 1, arbitrary: someCommand }), {
    maxLength: 3,
  }),
  { minLength: 5, maxLength: 25 },
);

class World {
  readonly #history: History;
  readonly follower: FeedFollower;
  /** The index that each replica has applied. */
  readonly #applied: number[];
  /** On their way from the replica that is followed. */
  #frames: FeedInput[] = [];
  #position = 0;

  constructor(history: History, applied: readonly number[]) {
    this.#history = history;
    this.#applied = applied.map((share) => Math.min(share, history.entries.length - 1));
    this.follower = feedFollower(replicas, 0, silenceMs);
    this.#tellAll();
  }

  get #followed(): number {
    return present(this.#applied[this.follower.replica], "a replica");
  }

  act(action: Action): void {
    switch (action.kind) {
      case "apply":
        return this.apply(action.replica);
      case "deliver":
        for (let i = 0; i < action.frames; i++) this.deliver();
        return;
      case "lose":
        return this.#take({ kind: "lost" });
      case "omit":
        this.#frames.shift();
        return;
      case "wait":
        return this.#take({ kind: "elapsed", ms: action.ms });
      case "jump":
        this.#applied[this.follower.replica] = this.#history.entries.length - 1;
        return this.#tellAll();
    }
  }

  /** False: it has applied all there is. */
  apply(replica: number): void {
    const index = present(this.#applied[replica], "a replica") + 1;
    if (index >= this.#history.entries.length) return;
    this.#applied[replica] = index;
    if (replica === this.follower.replica)
      this.#frames.push({ kind: "change", change: this.#history.change(index) });
  }

  /** Whether there was anything to deliver. */
  deliver(): boolean {
    const frame = this.#frames.shift();
    if (frame !== undefined) this.#take(frame);
    return frame !== undefined;
  }

  #tellAll(): void {
    for (const part of this.#history.parts(this.#followed, 2)) this.#frames.push({ kind: "items", part });
  }

  #take(input: FeedInput): void {
    if (this.#step(input).kind === "follow") {
      this.#frames = [];
      this.#tellAll();
    }
    this.#check();
  }

  /** As its owner does: a malformed frame ends the connection. */
  #step(input: FeedInput): FeedDecision {
    try {
      return step(this.follower, input);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return step(this.follower, { kind: "lost" });
    }
  }

  #check(): void {
    const { served } = this.follower;
    if (served === undefined) return assert.equal(this.#position, 0);
    assert.ok(served.position >= this.#position, `from ${this.#position} back to ${served.position}`);
    this.#position = served.position;
    const { position, items } = this.#history.at(served.index);
    assert.equal(served.position, position);
    assert.deepEqual(rowsOf(served), items);
  }
}

test("a position never falls, its rows are the history's, and in the end all of it is served", () => {
  const indexes = fc.array(fc.nat(10), { minLength: replicas, maxLength: replicas });
  fc.assert(
    fc.property(entries, indexes, fc.array(action, { maxLength: 60 }), (batches, applied, actions) => {
      const history = new History();
      history.add({ kind: "found", definition: goods });
      for (const commands of batches) history.add(...commands);
      const world = new World(history, applied);
      for (const each of actions) world.act(each);
      // From here on nothing goes wrong any more; a gap may still be on its way.
      for (const _ of history.entries)
        for (let replica = 0; replica < replicas; replica++) world.apply(replica);
      while (world.deliver());
      world.act({ kind: "lose" });
      while (world.deliver());
      assert.equal(world.follower.served?.index, history.last.index);
    }),
    { numRuns: 500 },
  );
});
