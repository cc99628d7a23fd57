import assert from "node:assert/strict";
import { test } from "node:test";
import { logIndex, replicaId, term } from "../base/units.ts";
import { LogView, wholeLog } from "./log-view.ts";
import { founders } from "./membership.ts";
import { createRaft, type Raft } from "./raft.ts";

function restarted(doubtful: boolean, commit: number): Raft {
  const members = [replicaId(1), replicaId(2), replicaId(3)];
  const founded = [{ from: logIndex(0), members: founders(members) }];
  const entry = { index: logIndex(1), term: term(1), kind: "command", payload: new Uint8Array(1) } as const;
  const log = new LogView(
    wholeLog,
    [{ from: logIndex(1), term: term(1) }],
    founded,
    logIndex(1),
    [entry],
    1_000,
  );
  const hardState = { term: term(2), votedFor: undefined };
  const config = { id: replicaId(1), known: members, incarnation: 1, random: () => 0.5, leaseMs: 0 };
  const restored = { hardState, log, commit: logIndex(commit), doubtful, recovering: false, stateful: true };
  return createRaft(config, restored, 0);
}

test("what the store has applied is known to be committed", () => {
  assert.equal(restarted(false, 1).commit, 1);
});

test("but not in a log whose tail was cut: the cut may have brought back an entry that was replaced", () => {
  assert.equal(restarted(true, 1).commit, 0);
  assert.equal(restarted(true, 5).commit, 0);
});

test("a store that is ahead of an undamaged log stops the replica", () => {
  assert.throws(() => restarted(false, 5), /the store is not ahead of the log/);
});
