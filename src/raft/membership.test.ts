import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../base/bytes.ts";
import { type LogIndex, logIndex, replicaId } from "../base/units.ts";
import {
  type Change,
  changed,
  decodeMembership,
  encodeMembership,
  founders,
  isVoter,
  type Membership,
  voterCount,
} from "./membership.ts";
import { MembershipHistory } from "./membership-history.ts";

const anId = fc.integer({ min: 1, max: 9 }).map(replicaId);
const aChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), id: anId, address: fc.string() }),
  fc.record({ kind: fc.constantFrom("promote" as const, "remove" as const), id: anId }),
);
const changes = fc.array(aChange, { maxLength: 30 });

function ids(members: Membership): readonly number[] {
  return members.map(({ id }) => id);
}

test("after any changes members are in order, each once, one voter came or went at a time, and one is left", () => {
  fc.assert(
    fc.property(changes, (all) => {
      let members = founders([replicaId(2), replicaId(1)]);
      for (const change of all) {
        const after = changed(members, change);
        if (after === undefined) continue;
        assert.deepEqual(ids(after), [...new Set(ids(after))].sort());
        assert.ok(Math.abs(voterCount(after) - voterCount(members)) <= 1);
        assert.ok(voterCount(after) > 0);
        assert.equal(isVoter(after, change.id), change.kind === "promote");
        members = after;
      }
      assert.deepEqual(decodeMembership(encodeMembership(members)), members);
    }),
  );
});

test("a new member is a learner, and what is so already is no change", () => {
  const members = founders([1, 2].map(replicaId));
  assert.equal(changed(members, { kind: "add", id: replicaId(2), address: "" }), undefined);
  assert.equal(changed(members, { kind: "promote", id: replicaId(2) }), undefined);
  assert.equal(changed(members, { kind: "remove", id: replicaId(3) }), undefined);
  const grown = changed(members, { kind: "add", id: replicaId(3), address: "here:1" });
  assert.deepEqual(grown?.at(-1), { id: 3, role: "learner", address: "here:1" });
});

test("bytes that say no membership are a DecodeError", () => {
  const good = encodeMembership(founders([1, 2].map(replicaId)));
  for (const bytes of [new Uint8Array(0), good.subarray(0, 2), good.toReversed()])
    assert.throws(() => decodeMembership(bytes), DecodeError);
});

test("what is cut off is undone, what is compacted stays in force, and what is begun anew says nothing", () => {
  const [one, two, three] = [1, 2, 3].map((count) => founders([1, 2, 3].slice(0, count).map(replicaId)));
  assert.ok(one && two && three);
  const at = (index: number): LogIndex => logIndex(index);
  const history = new MembershipHistory([{ from: at(0), members: one }]);
  history.add({ from: at(5), members: two });
  history.add({ from: at(8), members: three });
  history.truncate(at(8));
  assert.equal(history.members, two);
  assert.equal(history.membersAt(at(4)), one);
  history.compact(at(7));
  assert.deepEqual(history.runs, [{ from: 5, members: two }]);
  history.clear();
  assert.equal(history.members, undefined);
  assert.equal(history.membersFrom, 0);
});
