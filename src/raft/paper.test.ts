/**
 * The paper, sentence by sentence: Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm", §5.1 to
 * §5.4. One replica, number 1, is looked at from outside: what is said to it, and what it answers. What takes a whole
 * group is in `scenarios/`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { raftTimes } from "../base/limits.ts";
import { logIndex, term } from "../base/units.ts";
import { acknowledge, entry, Replica } from "./one-replica.test-support.ts";

const stepDown: readonly (readonly [string, (replica: Replica) => void])[] = [
  ["follower", () => {}],
  ["candidate", (replica) => replica.stands()],
  ["leader", (replica) => replica.leads()],
];

for (const [role, become] of stepDown) {
  test(`§5.1: if one server's term is smaller than the other's, it updates to the larger value: a ${role}`, () => {
    const replica = new Replica({ term: 1 });
    become(replica);
    replica.hears("append", 2, 9);
    assert.equal(replica.raft.term, 9);
    assert.equal(replica.raft.role, "follower");
    assert.equal(replica.raft.votedFor, undefined);
  });
}

test("§5.1: if a server receives a request with a stale term, it rejects it", () => {
  const replica = new Replica({ term: 5 });
  replica.hears("append", 2, 4, { entries: [entry(1, 4)] });
  const [rejected] = replica.takeSent("rejected");
  assert.equal(rejected?.term, 5);
  assert.deepEqual(replica.terms, []);
});

test("§5.2: servers start up as followers", () => {
  assert.equal(new Replica().raft.role, "follower");
});

test("§5.2: a server remains a follower as long as it hears from a leader", () => {
  const replica = new Replica({ term: 1 });
  for (let i = 0; i < 20; i++) {
    replica.hears("append", 2, 1);
    replica.tick(raftTimes.electionTimeoutMinMs - 1);
    assert.equal(replica.raft.role, "follower");
  }
});

test("§5.2: a follower that hears nothing over the election timeout begins an election", () => {
  const replica = new Replica({ term: 1 });
  replica.hears("append", 2, 1);
  replica.tick(1_000);
  assert.notEqual(replica.raft.role, "follower");
});

test("§5.2: to begin an election it increments its term, votes for itself, and asks each of the others", () => {
  const replica = new Replica({ term: 1 });
  replica.stands();
  const requests = replica.takeSent("vote-request").filter((request) => !request.pre);
  assert.equal(replica.raft.term, 2);
  assert.equal(replica.raft.votedFor, 1);
  assert.deepEqual(
    requests.map((request) => [request.to, request.term]),
    [
      [2, 2],
      [3, 2],
    ] as const,
  );
});

test("§5.2: a candidate wins with the votes of a majority for the same term", () => {
  const replica = new Replica({ members: 5 });
  replica.stands();
  replica.hears("vote-reply", 2, 1);
  assert.equal(replica.raft.role, "candidate");
  replica.hears("vote-reply", 2, 1);
  assert.equal(replica.raft.role, "candidate", "a vote that comes twice is one vote");
  replica.hears("vote-reply", 3, 0);
  assert.equal(replica.raft.role, "candidate", "a vote of another term is none");
  replica.hears("vote-reply", 3, 1);
  assert.equal(replica.raft.role, "leader");
});

test("§5.2: each server votes for at most one candidate in a given term, first come first served", () => {
  const replica = new Replica();
  replica.hears("vote-request", 2, 1);
  replica.hears("vote-request", 3, 1);
  replica.hears("vote-request", 2, 1);
  const replies = replica.takeSent("vote-reply").map((reply) => [reply.to, reply.granted]);
  assert.deepEqual(replies, [
    [2, true],
    [3, false],
    [2, true],
  ] as const);
});

test("§5.2: a vote survives a crash, and the end of a candidacy", () => {
  const restarted = new Replica({ term: 4, votedFor: 3 });
  restarted.hears("vote-request", 2, 4);
  assert.equal(restarted.takeSent("vote-reply")[0]?.granted, false);

  const candidate = new Replica({ term: 4 });
  candidate.stands();
  candidate.hears("append", 3, 5);
  assert.equal(candidate.raft.role, "follower");
  candidate.tick(1_000);
  candidate.hears("vote-request", 2, 5);
  assert.equal(candidate.raft.votedFor, 1);
});

test("figure 2: term and vote are on stable storage before the answer", () => {
  const replica = new Replica();
  replica.quickDisk = false;
  replica.hears("vote-request", 2, 1);
  assert.deepEqual(replica.takeSent("vote-reply"), []);
  replica.persist();
  assert.equal(replica.takeSent("vote-reply")[0]?.granted, true);
});

test("figure 2: a candidate asks for votes only when its own is on stable storage", () => {
  const replica = new Replica();
  replica.quickDisk = false;
  replica.stands();
  assert.ok(replica.takeSent("vote-request").every((request) => request.pre));
  replica.persist();
  assert.equal(replica.takeSent("vote-request").length, 2);
});

test("§5.2: a candidate that hears a leader of at least its term returns to follower state", () => {
  const replica = new Replica();
  replica.stands();
  replica.hears("append", 3, replica.raft.term);
  assert.equal(replica.raft.role, "follower");
  assert.equal(replica.raft.leader, 3);
});

test("§5.2: a candidate rejects a leader of a smaller term and continues", () => {
  const replica = new Replica({ term: 3 });
  replica.stands();
  replica.hears("append", 3, 3);
  assert.equal(replica.raft.role, "candidate");
});

test("§5.2: a candidate that neither wins nor loses times out and starts anew", () => {
  const replica = new Replica();
  replica.stands();
  replica.tick(1_000);
  replica.hears("vote-reply", 2, 2, { pre: true });
  assert.equal(replica.raft.role, "candidate");
  assert.equal(replica.raft.term, 2);
});

test("§5.2: a leader sends heartbeats to all", () => {
  const replica = new Replica();
  replica.leads();
  replica.takeEffects();
  replica.tick(raftTimes.heartbeatMs);
  assert.deepEqual(
    replica.takeSent("append").map((append) => append.to),
    [2, 3],
  );
});

test("§5.3: the leader appends the command and sends it to each of the others, while its own disk still writes", () => {
  const replica = new Replica();
  replica.leads();
  acknowledge(replica, 2);
  acknowledge(replica, 3);
  replica.takeEffects();
  replica.quickDisk = false;
  replica.propose();
  const appends = replica.takeSent("append");
  assert.deepEqual(
    appends.map(({ to, entries }) => [to, entries[0]?.index]),
    [
      [2, 2],
      [3, 2],
    ] as const,
  );
});

test("§5.3: an entry is committed once it is on a majority; the leader counts only with what is on its disk", () => {
  const replica = new Replica({ members: 5 });
  replica.leads();
  replica.quickDisk = false;
  replica.propose();
  const reply = { match: logIndex(2), round: 1 };
  replica.hears("accepted", 2, 1, reply);
  replica.hears("accepted", 3, 1, reply);
  assert.equal(replica.raft.commit, 1);
  replica.persist();
  assert.equal(replica.raft.commit, 2);
});

test("§5.3: the leader keeps the highest committed index and includes it in further appends", () => {
  const replica = new Replica();
  replica.leads();
  acknowledge(replica, 2);
  replica.takeEffects();
  replica.tick(raftTimes.heartbeatMs);
  assert.ok(replica.takeSent("append").every((append) => append.commit === 1));
});

test("§5.3: a follower that learns that an entry is committed hands it out, when its own disk has it", () => {
  const replica = new Replica();
  replica.quickDisk = false;
  replica.hears("append", 2, 1, { entries: [entry(1, 1)], commit: logIndex(1) });
  assert.equal(replica.raft.commit, 1);
  assert.ok(replica.takeEffects().every((effect) => effect.kind !== "deliver"));
  replica.persist();
  assert.ok(replica.takeEffects().some((effect) => effect.kind === "deliver" && effect.through === 1));
});

test("§5.3: a follower without the entry before the new ones refuses them", () => {
  const replica = new Replica({ log: [1, 1] });
  replica.hears("append", 2, 3, { prevIndex: logIndex(2), prevTerm: term(2), entries: [entry(3, 3)] });
  replica.hears("append", 2, 3, { prevIndex: logIndex(3), prevTerm: term(1), entries: [entry(4, 3)] });
  assert.equal(replica.takeSent("rejected").length, 2);
  assert.deepEqual(replica.terms, [1, 1]);
});

/** Figure 7: the leader of term 8 has the log 1 1 1 4 4 5 5 6 6 6. */
const figure7: readonly (readonly [string, readonly number[]])[] = [
  ["a", [1, 1, 1, 4, 4, 5, 5, 6, 6]],
  ["b", [1, 1, 1, 4]],
  ["c", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
  ["d", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
  ["e", [1, 1, 1, 4, 4, 4, 4]],
  ["f", [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
];
for (const [name, log] of figure7) {
  test(`§5.3, figure 7 ${name}: the leader finds where the logs agree and makes the follower's like its own`, () => {
    const leader = new Replica({ log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], term: 7 });
    const follower = new Replica({ log, term: 7 });
    leader.leads();
    for (let turn = 0; leader.raft.commit < leader.raft.log.lastIndex; turn++) {
      assert.ok(turn < 10, "no more than a probe a term");
      for (const { term: ofTerm, from, to, incarnation, kind, ...fields } of leader.takeSent("append")) {
        if (to === 2) follower.hears(kind, 2, ofTerm, fields);
      }
      for (const effect of follower.takeEffects()) {
        if (effect.kind !== "send") continue;
        const { message } = effect;
        if (message.kind === "accepted") leader.hears("accepted", 2, message.term, message);
        if (message.kind === "rejected") leader.hears("rejected", 2, message.term, message);
      }
    }
    assert.deepEqual(follower.terms, [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 8]);
  });
}

test("figure 2: an existing entry that conflicts with a new one is deleted with all that follow it", () => {
  const replica = new Replica({ log: [1, 1, 1, 1] });
  replica.hears("append", 2, 2, { prevIndex: logIndex(1), prevTerm: term(1), entries: [entry(2, 2)] });
  assert.deepEqual(replica.terms, [1, 2]);
});

test("figure 2: entries that are there already are not deleted by a request that comes late", () => {
  const replica = new Replica();
  replica.hears("append", 2, 1, { entries: [entry(1, 1), entry(2, 1), entry(3, 1)] });
  replica.hears("append", 2, 1, { entries: [entry(1, 1)] });
  assert.deepEqual(replica.terms, [1, 1, 1]);
  const matches = replica.takeSent("accepted").map((accepted) => accepted.match);
  assert.deepEqual(matches, [3, 1], "an acknowledgement says no more than what was in the request");
});

test("figure 2: a follower's commit index is at most that of the last new entry", () => {
  const replica = new Replica({ log: [1, 1, 1] });
  replica.hears("append", 2, 2, { prevIndex: logIndex(1), prevTerm: term(1), commit: logIndex(3) });
  assert.equal(replica.raft.commit, 1);
});

const upToDate: readonly (readonly [readonly number[], number, number, boolean])[] = [
  [[1, 1], 2, 1, true],
  [[1, 1], 3, 1, true],
  [[1, 1], 1, 1, false],
  [[1, 1], 1, 2, true],
  [[1, 2], 5, 1, false],
  [[], 0, 0, true],
];
for (const [log, lastIndex, lastTerm, granted] of upToDate) {
  for (const pre of [false, true]) {
    const what = `${pre ? "pre-vote" : "vote"} for a log that ends with ${lastIndex} of term ${lastTerm}`;
    test(`§5.4.1: a voter with the log [${log}] ${granted ? "gives" : "denies"} its ${what}`, () => {
      const replica = new Replica({ log });
      const last = { lastIndex: logIndex(lastIndex), lastTerm: term(lastTerm) };
      replica.hears("vote-request", 2, 9, { ...last, pre });
      assert.equal(replica.takeSent("vote-reply")[0]?.granted, granted);
    });
  }
}

test("§5.4.2: entries of older terms are never committed by counting, but with one of the own term", () => {
  const replica = new Replica({ log: [1, 2] });
  replica.leads();
  replica.hears("accepted", 2, 3, { match: logIndex(2), round: 1 });
  assert.equal(replica.raft.commit, 0);
  replica.hears("accepted", 2, 3, { match: logIndex(3), round: 1 });
  assert.equal(replica.raft.commit, 3);
});
