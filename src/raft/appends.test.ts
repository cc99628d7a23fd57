import assert from "node:assert/strict";
import { test } from "node:test";
import { logLimits, raftTimes } from "../base/limits.ts";
import { logIndex, replicaId } from "../base/units.ts";
import { Replica } from "./one-replica.test-support.ts";

test("probes that were lost hold no room: a late answer to the first is enough to send on", () => {
  const replica = new Replica();
  replica.leads();
  replica.quickDisk = false;
  for (let i = 0; i < 3; i++) {
    replica.input({ kind: "propose", payload: new Uint8Array(logLimits.inFlightBytes / 2) });
    replica.tick(raftTimes.heartbeatMs);
  }
  replica.takeEffects();
  replica.hears("accepted", 2, 1, { match: logIndex(1), round: 1 });
  const [append] = replica.takeSent("append");
  assert.equal(append?.entries[0]?.index, 2);
});

test("what the disk gives for an older question is not sent, and asks no further question", () => {
  const replica = new Replica({ log: Array.from({ length: 2_000 }, () => 1) });
  replica.leads();
  const reject = (prev: number, hint: number) =>
    replica.hears("rejected", 2, 2, {
      prevIndex: logIndex(prev),
      hintIndex: logIndex(hint),
      hintTerm: replica.raft.log.termAt(logIndex(hint)) ?? replica.raft.term,
    });
  reject(2_000, 500);
  reject(500, 100);
  const asked = replica.takeEffects().flatMap((effect) => (effect.kind === "fetch" ? [effect.from] : []));
  assert.deepEqual(asked, [501, 101]);
  replica.input({
    kind: "fetched",
    peer: replicaId(2),
    from: logIndex(501),
    entries: [],
  });
  assert.deepEqual(replica.takeEffects(), []);
});
