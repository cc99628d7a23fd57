/**
 * Ongaro's thesis, "Consensus: Bridging Theory and Practice", where it goes beyond the paper: the entry that begins a
 * term (3.6.2), leadership transfer (3.10), check-quorum (6.2), reads without the log (6.4), pre-vote (9.6).
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { raftTimes } from "../base/limits.ts";
import { logIndex, type ReplicaId, replicaId } from "../base/units.ts";
import type { Effect } from "./effect.ts";
import { acknowledge, Replica } from "./one-replica.test-support.ts";

test("thesis 3.6.2: a leader begins its term with an empty entry", () => {
  const replica = new Replica({ log: [1] });
  replica.leads();
  assert.deepEqual(replica.terms, [1, 2]);
  assert.equal(replica.raft.log.slice(logIndex(2), 1)?.[0]?.payload.length, 0);
});

/** Leads long enough beside a follower that is always close, until it wants to hand over. */
function untilTransfer(replica: Replica, heir: number): void {
  replica.leads();
  for (let ms = 0; replica.raft.reign?.transfer === undefined; ms += 50) {
    assert.ok(ms <= raftTimes.transferCooldownMs, "a transfer begins");
    acknowledge(replica, heir);
    acknowledge(replica, 2);
    replica.tick(50);
  }
}

test("thesis 3.10: the prior leader stops accepting requests, and tells a target with all entries to time out", () => {
  const replica = new Replica();
  untilTransfer(replica, 3);
  const last = replica.raft.log.lastIndex;
  replica.propose();
  assert.equal(replica.raft.log.lastIndex, last);
  assert.deepEqual(
    replica.takeSent("timeout-now").map((message) => message.to),
    [3],
  );
});

test("thesis 3.10: if the target does not take over within an election timeout, the leader goes on", () => {
  const replica = new Replica();
  untilTransfer(replica, 3);
  for (let ms = 0; ms < raftTimes.electionTimeoutMinMs; ms += 50) {
    acknowledge(replica, 2);
    replica.tick(50);
  }
  const last = replica.raft.log.lastIndex;
  replica.propose();
  assert.equal(replica.raft.log.lastIndex, last + 1);
});

test("thesis 3.10: the target starts an election at once, which a voter that hears the leader does not ignore", () => {
  const target = new Replica();
  target.hears("append", 2, 1);
  target.hears("timeout-now", 2, 1);
  assert.equal(target.raft.role, "candidate");
  assert.ok(target.takeSent("vote-request").every((request) => request.transfer && !request.pre));

  const voter = new Replica();
  voter.hears("append", 2, 1);
  voter.hears("vote-request", 3, 2, { transfer: true });
  assert.equal(voter.takeSent("vote-reply")[0]?.granted, true);
});

test("thesis 3.10: a word to time out that is late, or not of the leader, is ignored", () => {
  const replica = new Replica();
  replica.hears("append", 2, 2);
  replica.hears("timeout-now", 2, 1);
  replica.hears("timeout-now", 3, 2);
  assert.equal(replica.raft.role, "follower");
});

test("thesis 6.2: a leader steps down if an election timeout passes without a round of answers from a majority", () => {
  const replica = new Replica();
  replica.leads();
  acknowledge(replica, 2);
  replica.tick(raftTimes.electionTimeoutMinMs);
  assert.equal(replica.raft.role, "follower");
});

test("thesis 6.2: a vote request within the minimum election timeout of hearing a leader changes nothing", () => {
  const replica = new Replica();
  replica.hears("append", 2, 1);
  replica.takeEffects();
  replica.now += raftTimes.electionTimeoutMinMs - 1;
  replica.hears("vote-request", 3, 7);
  assert.equal(replica.raft.term, 1);
  assert.deepEqual(replica.takeSent("vote-reply"), []);
  replica.now += 1;
  replica.hears("vote-request", 3, 7);
  assert.equal(replica.takeSent("vote-reply")[0]?.granted, true);
});

function readsOf(effects: readonly Effect[]): readonly (readonly [number, number])[] {
  return effects.flatMap((effect) =>
    effect.kind === "read-ready" ? effect.ids.map((id) => [id, effect.index] as const) : [],
  );
}

test("thesis 6.4: a read waits until the leader has committed an entry of its term", () => {
  const replica = new Replica({ log: [1] });
  replica.leads();
  replica.input({ kind: "read", id: 1 });
  replica.hears("accepted", 2, 2, { match: logIndex(1), round: 1 });
  assert.deepEqual(readsOf(replica.takeEffects()), []);
  acknowledge(replica, 2);
  acknowledge(replica, 2);
  assert.deepEqual(readsOf(replica.takeEffects()), [[1, 2]]);
});

test("thesis 6.4: a read is served after a round of heartbeats that began behind it, at the commit index of then", () => {
  const replica = new Replica();
  replica.leads();
  acknowledge(replica, 2);
  replica.tick(raftTimes.heartbeatMs);
  const underWay = replica.raft.reign?.round ?? 0;
  replica.input({ kind: "read", id: 1 });
  replica.hears("accepted", 2, 1, { match: logIndex(1), round: underWay });
  assert.deepEqual(readsOf(replica.takeEffects()), [], "the answer was under way when the read was asked");
  replica.hears("accepted", 2, 1, { match: logIndex(1), round: underWay + 1 });
  assert.deepEqual(readsOf(replica.takeEffects()), [[1, 1]]);
});

test("thesis 6.4: a leader that is deposed serves none of its reads", () => {
  const replica = new Replica();
  replica.leads();
  acknowledge(replica, 2);
  replica.input({ kind: "read", id: 1 });
  replica.input({ kind: "read", id: 2 });
  replica.hears("append", 2, 5);
  const refused = replica
    .takeEffects()
    .flatMap((effect) => (effect.kind === "read-refused" ? effect.ids : []));
  assert.deepEqual(refused, [1, 2]);
});

test("thesis 9.6: a candidate first asks, in the term that would be next, and raises its own only if it could win", () => {
  const replica = new Replica({ term: 1 });
  replica.tick(1_000);
  assert.deepEqual(
    replica.takeSent("vote-request").map((request) => [request.term, request.pre]),
    [
      [2, true],
      [2, true],
    ] as const,
  );
  assert.equal(replica.raft.term, 1);
  replica.hears("vote-reply", 2, 2, { pre: true });
  assert.equal(replica.raft.term, 2);
});

test("thesis 9.6: a pre-vote given changes nothing in its giver, and is given to any number of candidates", () => {
  const replica = new Replica({ term: 1 });
  replica.hears("vote-request", 2, 2, { pre: true });
  replica.hears("vote-request", 3, 2, { pre: true });
  const effects = replica.takeEffects();
  assert.ok(effects.every((effect) => effect.kind === "send" && effect.message.kind === "vote-reply"));
  assert.equal(effects.length, 2);
  assert.equal(replica.raft.term, 1);
  assert.equal(replica.raft.votedFor, undefined);
});

test("thesis 9.6: no pre-vote while the leader is heard", () => {
  const replica = new Replica();
  const leader: ReplicaId = replicaId(2);
  replica.hears("append", leader, 1);
  replica.takeEffects();
  replica.hears("vote-request", 3, 2, { pre: true });
  assert.deepEqual(replica.takeSent("vote-reply"), []);
});

test("a leader alone in its group keeps no list of rounds", () => {
  const replica = new Replica({ members: 1 });
  replica.tick(1);
  for (let i = 0; i < 100; i++) replica.tick(raftTimes.heartbeatMs);
  const { reign } = replica.raft;
  assert.ok(reign !== undefined, "it leads");
  assert.ok(reign.roundsSent.length <= 1);
});
