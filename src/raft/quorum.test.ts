import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Ballot, reachedByMajority, tally } from "./quorum.ts";

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
    assert.equal(tally(ballots, members), result);
  });
}
