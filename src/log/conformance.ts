/**
 * What every adapter of the log port must do, as tests. An adapter brings a group of three members that can be
 * crashed and restarted; the suite brings the expectations of `port.ts`.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { OperatingFailure } from "../base/failure.ts";
import { type LogIndex, logIndex, type Term, term } from "../base/units.ts";
import { bytes, type LogGroup, take, text } from "./group.test-support.ts";
import { itKeepsLeases } from "./leases.test-support.ts";
import type { ReplicatedLog } from "./port.ts";

function appendAll(log: ReplicatedLog, fence: Term, payloads: readonly string[]): void {
  payloads.forEach((payload, i) => {
    log.append(bytes(payload), fence, 100 + i);
  });
}

export function describeLog(name: string, open: () => Promise<LogGroup>): void {
  describe(`${name} keeps the contract of the log port`, () => {
    let group: LogGroup;
    beforeEach(async () => {
      group = await open();
    });
    afterEach(() => group.close());

    it("gives every member the same entries in the order of their appends", async () => {
      const leader = await group.leader();
      const payloads = Array.from({ length: 50 }, (_, i) => `entry ${i}`);
      appendAll(leader, leader.leadership.term, payloads);
      const lists = await Promise.all(group.members().map((member) => take(member, 50)));
      for (const list of lists) {
        assert.deepEqual(
          list.map((entry) => text(entry.payload)),
          payloads,
        );
        assert.deepEqual(
          list.map((entry) => entry.index),
          lists[0]?.map((entry) => entry.index),
        );
      }
    });

    it("numbers entries without a gap and begins behind the index that was asked for", async () => {
      const leader = await group.leader();
      appendAll(leader, leader.leadership.term, ["a", "b", "c", "d"]);
      const all: LogIndex[] = [];
      for await (const batch of leader.committed(logIndex(0))) {
        all.push(...batch.map((entry) => entry.index));
        if (all.length >= 4 && (all.at(-1) ?? 0) >= leader.commitIndex) break;
      }
      assert.deepEqual(
        all,
        all.map((_, i) => i + 1),
      );
      const [first] = await take(leader, 1, logIndex((all.at(-1) ?? 0) - 1));
      assert.equal(first && text(first.payload), "d");
    });

    it("returns the token once, to the member that appended and to no other", async () => {
      const leader = await group.leader();
      leader.append(bytes("mine"), leader.leadership.term, 42);
      for (const member of group.members()) {
        const [entry] = await take(member, 1);
        assert.equal(entry?.token, member === leader ? 42 : undefined);
      }
      const [again] = await take(leader, 1);
      assert.equal(again && text(again.payload), "mine");
      assert.equal(again?.token, undefined);
    });

    it("has one reader at a time", async () => {
      const leader = await group.leader();
      leader.append(bytes("a"), leader.leadership.term, 1);
      for await (const _ of leader.committed(logIndex(0))) {
        await assert.rejects(take(leader, 1), { name: "AssertionError", message: /one reader/ });
        break;
      }
      assert.equal((await take(leader, 1)).length, 1);
    });

    it("refuses an append under a fence that is not the present leadership, and appends nothing", async () => {
      const leader = await group.leader();
      const follower = group.members().find((member) => member !== leader);
      assert.ok(follower);
      const wrong = term(leader.leadership.term + 1);
      const refused = (error: unknown) => error instanceof OperatingFailure && error.definite;
      assert.throws(() => leader.append(bytes("x"), wrong, 1), refused);
      assert.throws(() => follower.append(bytes("x"), leader.leadership.term, 1), refused);
      leader.append(bytes("good"), leader.leadership.term, 2);
      const [entry] = await take(follower, 1);
      assert.equal(entry && text(entry.payload), "good");
    });

    it("answers a barrier with an index that covers all that was handed out before", async () => {
      const leader = await group.leader();
      appendAll(leader, leader.leadership.term, ["a", "b", "c"]);
      const seen = await take(leader, 3);
      const index = await leader.barrier();
      assert.ok(index >= (seen.at(-1)?.index ?? 0));
    });

    it("refuses a barrier of a follower, definitely", async () => {
      const leader = await group.leader();
      const follower = group.members().find((member) => member !== leader);
      assert.ok(follower);
      await assert.rejects(
        follower.barrier(),
        (error) => error instanceof OperatingFailure && error.definite,
      );
    });

    it("returns the index of what was appended, and its term with it", async () => {
      const leader = await group.leader();
      const { term: ours } = leader.leadership;
      const indexes = ["a", "b", "c"].map((payload, i) => leader.append(bytes(payload), ours, i + 1));
      for (const member of group.members()) {
        const entries = await take(member, 3);
        assert.deepEqual(
          entries.map((entry) => [entry.index, entry.term, text(entry.payload)]),
          indexes.map((index, i) => [index, ours, ["a", "b", "c"][i]]),
        );
      }
    });

    it("keeps what was handed out when the leader crashes, and goes on under another", async () => {
      const leader = await group.leader();
      appendAll(leader, leader.leadership.term, ["a", "b"]);
      await take(leader, 2);
      await group.crash(leader);
      const next = await group.leader();
      assert.notEqual(next, leader);
      next.append(bytes("c"), next.leadership.term, 7);
      for (const member of group.members()) {
        assert.deepEqual(
          (await take(member, 3)).map((entry) => text(entry.payload)),
          ["a", "b", "c"],
        );
      }
    });

    it("keeps what was handed out when every member crashes", async () => {
      const leader = await group.leader();
      const payloads = Array.from({ length: 20 }, (_, i) => `entry ${i}`);
      appendAll(leader, leader.leadership.term, payloads);
      await take(leader, 20);
      for (const member of group.members()) await group.crash(member);
      await group.restart();
      await group.leader();
      for (const member of group.members()) {
        assert.deepEqual(
          (await take(member, 20)).map((entry) => text(entry.payload)),
          payloads,
        );
      }
    });

    it("serves a reader from the beginning although others have read far ahead", async () => {
      const leader = await group.leader();
      const large = "x".repeat(50_000);
      appendAll(
        leader,
        leader.leadership.term,
        Array.from({ length: 100 }, (_, i) => `${i} ${large}`),
      );
      await take(leader, 100);
      const again = await take(leader, 100);
      assert.deepEqual(
        again.map((entry) => Number.parseInt(text(entry.payload), 10)),
        Array.from({ length: 100 }, (_, i) => i),
      );
    });

    it("ends its readers when it is closed", async () => {
      const leader = await group.leader();
      const reading = (async () => {
        for await (const _ of leader.committed(leader.commitIndex));
        return "ended";
      })();
      await group.crash(leader);
      assert.equal(await reading, "ended");
    });

    itKeepsLeases(() => group);
  });
}
