import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { replicaId } from "../base/units.ts";
import { founders, type Membership } from "./membership.ts";
import { type Ballot, reachedByMajority, type Tally, tally } from "./quorum.ts";

test("the value that a majority has reached is the largest that so many have at least", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 7 }), (reached) => {
      const value = reachedByMajority(reached);
      const atLeast = (low: number) => reached.filter((each) => each >= low).length;
      assert.ok(2 * atLeast(value) > reached.length);
      assert.ok(2 * atLeast(value + 1) <= reached.length);
    }),
  );
});

const yes: Ballot = { granted: true, doubtful: false };
const no: Ballot = { granted: false, doubtful: false };
const doubtful: Ballot = { granted: true, doubtful: true };

/** The ballots of the first members. */
function tallied(ballots: readonly Ballot[], members: Membership): Tally {
  return tally(new Map(ballots.map((ballot, i) => [replicaId(i + 1), ballot])), members);
}

function group(voters: number, learners = 0): Membership {
  const members = founders(Array.from({ length: voters + learners }, (_, i) => replicaId(i + 1)));
  return members.map((member, i) => (i < voters ? member : { ...member, role: "learner" }));
}

test("learners' votes elect nobody", () => {
  assert.equal(tallied([yes, no, no, yes, yes], group(3, 2)), "lost");
  assert.equal(tallied([yes], group(1, 2)), "won");
});

test("where a doubtful vote is needed, a learner's is not", () => {
  assert.equal(tallied([doubtful, no], group(1, 1)), "won");
  assert.equal(tallied([doubtful, yes, no], group(2, 1)), "won");
});

test("whoever is no member may send a vote in vain", () => {
  const ballots = [1, 8, 9].map((id) => [replicaId(id), yes] as const);
  assert.equal(tally(new Map(ballots), group(3)), "open");
});

const elections = [
  [[yes], 1, "won"],
  [[doubtful], 1, "won"],
  [[yes], 3, "open"],
  [[yes, yes], 3, "won"],
  [[yes, doubtful], 3, "open"],
  [[yes, doubtful, yes], 3, "won"],
  [[yes, doubtful, no], 3, "open"],
  [[yes, doubtful, doubtful], 3, "won"],
  [[yes, no, no], 3, "lost"],
  [[yes, doubtful], 2, "won"],
  [[yes, doubtful, doubtful, doubtful], 5, "open"],
  [[yes, yes, doubtful, no], 5, "open"],
  [[yes, no, no, no], 5, "lost"],
] as const;

for (const [ballots, members, result] of elections) {
  const votes = ballots.map((ballot) => (ballot === doubtful ? "doubtful" : ballot === yes ? "yes" : "no"));
  test(`of ${members} members ${votes.join(", ")}: the election is ${result}`, () => {
    assert.equal(tallied(ballots, group(members)), result);
  });
}
