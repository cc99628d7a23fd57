/** When a leader begins a change of the members, and when it does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { replicaId } from "../base/units.ts";
import { changeRefusal } from "./changes.ts";
import type { Change } from "./membership.ts";
import { acknowledge, Replica } from "./one-replica.test-support.ts";

const add: Change = { kind: "add", id: replicaId(4), address: "" };
const remove = (id: number): Change => ({ kind: "remove", id: replicaId(id) });

/** Everyone answers, and all is committed. */
function settled(): Replica {
  const replica = new Replica();
  replica.leads();
  for (const from of [2, 3]) acknowledge(replica, from);
  return replica;
}

function ask(replica: Replica, change: Change) {
  const refusal = changeRefusal(replica.raft, change);
  replica.input({ kind: "change-membership", change });
  return refusal;
}

function voters(replica: Replica): readonly number[] {
  return (replica.raft.log.members ?? []).filter(({ role }) => role === "voter").map(({ id }) => id);
}

test("only a leader changes the members, and not before an entry of its term is committed", () => {
  const replica = new Replica();
  assert.equal(ask(replica, add), "not-leading");
  replica.leads();
  assert.equal(ask(replica, add), "too-early");
  acknowledge(replica, 2);
  assert.equal(ask(replica, add), undefined);
  assert.equal(replica.raft.log.members?.length, 4);
});

test("a change waits for the one before", () => {
  const replica = settled();
  assert.equal(ask(replica, add), undefined);
  assert.equal(ask(replica, remove(3)), "too-early");
  acknowledge(replica, 2);
  assert.equal(ask(replica, remove(3)), undefined);
  assert.deepEqual(voters(replica), [1, 2]);
});

test("a change is in force as soon as it is appended: the one that is removed is needed no more", () => {
  const replica = settled();
  ask(replica, remove(3));
  const { commit } = replica.raft;
  acknowledge(replica, 2);
  assert.equal(replica.raft.commit, commit + 1);
  assert.equal(replica.raft.reign?.progress.has(replicaId(3)), false);
});

test("what would leave no majority that answers, or none with its state, is refused", () => {
  const silent = settled();
  silent.tick(250);
  acknowledge(silent, 3);
  assert.equal(ask(silent, remove(3)), "no-majority");
  assert.equal(ask(silent, remove(2)), undefined);
  const stateless = settled();
  stateless.hears("heard", 2, stateless.raft.term, { standing: "stateless", round: 1 });
  assert.equal(ask(stateless, remove(3)), "no-majority");
  assert.equal(ask(stateless, add), undefined);
});

test("a leader does not remove itself: it hands over", () => {
  const replica = settled();
  replica.tick(20);
  assert.equal(ask(replica, remove(1)), "leads");
  assert.deepEqual(voters(replica), [1, 2, 3]);
  assert.equal(replica.raft.reign?.transfer?.to, 3);
});

test("a learner counts for nothing, and is promoted once it has everything", () => {
  const replica = settled();
  ask(replica, add);
  acknowledge(replica, 4);
  replica.tick(20);
  assert.deepEqual(voters(replica), [1, 2, 3]);
  acknowledge(replica, 2);
  acknowledge(replica, 4);
  replica.tick(20);
  assert.deepEqual(voters(replica), [1, 2, 3, 4]);
});

test("a follower that does not know the members counts for nothing, and is told again", () => {
  const replica = settled();
  replica.propose();
  const { lastIndex } = replica.raft.log;
  replica.takeEffects();
  replica.hears("accepted", 2, replica.raft.term, { match: lastIndex, informed: false });
  assert.ok(replica.raft.commit < lastIndex);
  assert.equal(replica.raft.log.membersFrom, lastIndex + 1);
});
