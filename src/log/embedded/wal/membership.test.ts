/** Who the members are, in the write-ahead log: found at a start, kept by compaction, in no tail that is cut. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { seededRandom } from "../../../base/random.ts";
import { logIndex, replicaId, term } from "../../../base/units.ts";
import { encodeMembership, founders, type Membership } from "../../../raft/membership.ts";
import type { Entry } from "../../../raft/message.ts";
import { CrashFiles } from "./crash-files.ts";
import { entry, identity, open } from "./model.test-support.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

const dir = "/replica/log";
const segmentBytes = 4 * 1024;
let files: CrashFiles;

function members(...ids: number[]): Membership {
  return founders(ids.map(replicaId));
}

function says(index: number, who: Membership): Entry {
  return { index: logIndex(index), term: term(1), kind: "membership", payload: encodeMembership(who) };
}

async function write(wal: WriteAheadLog, entries: readonly Entry[]): Promise<void> {
  await new Promise<void>((resolve) => wal.write({ entries }, resolve));
}

beforeEach(async () => {
  files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes, members: members(1, 2, 3) });
});

test("a log begins with the founders, and what its entries say comes behind them", async () => {
  const first = await open(files, dir, segmentBytes);
  assert.deepEqual(first.recovered.memberships, [{ from: 0, members: members(1, 2, 3) }]);
  await write(first.wal, [entry(1, 1, 10), says(2, members(1, 2)), entry(3, 1, 10)]);
  await first.wal.close();
  const { wal, recovered } = await open(files, dir, segmentBytes);
  assert.deepEqual(recovered.memberships, [
    { from: 0, members: members(1, 2, 3) },
    { from: 2, members: members(1, 2) },
  ]);
  const read = await wal.read(logIndex(1), 1_000);
  assert.deepEqual(
    read?.map(({ kind }) => kind),
    ["command", "membership", "command"],
  );
  await wal.close();
});

test("what is replaced is undone", async () => {
  const { wal } = await open(files, dir, segmentBytes);
  await write(wal, [entry(1, 1, 10), says(2, members(1, 2))]);
  await write(wal, [entry(2, 2, 10)]);
  await wal.close();
  const again = await open(files, dir, segmentBytes);
  assert.deepEqual(again.recovered.memberships, [{ from: 0, members: members(1, 2, 3) }]);
  await again.wal.close();
});

test("a log that is compacted behind a change still says who the members are", async () => {
  const { wal } = await open(files, dir, segmentBytes);
  await write(wal, [entry(1, 1, 10), says(2, members(1, 2))]);
  for (let index = 3; index < 40; index++) await write(wal, [entry(index, 1, 500)]);
  const base = await wal.compact(logIndex(39));
  assert.ok(base !== undefined && base.index > 2);
  await wal.close();
  const again = await open(files, dir, segmentBytes);
  assert.deepEqual(again.recovered.memberships, [{ from: base.index, members: members(1, 2) }]);
  await again.wal.close();
});

test("a log that is begun anew does not say who the members are", async () => {
  const { wal } = await open(files, dir, segmentBytes);
  await write(wal, [entry(1, 1, 10), says(2, members(1, 2))]);
  await wal.reset({ index: logIndex(9), term: term(1) }, { term: term(1), votedFor: undefined });
  await wal.close();
  const again = await open(files, dir, segmentBytes);
  assert.deepEqual(again.recovered.memberships, []);
  await again.wal.close();
});

test("who the members are is acknowledged when another group stands behind it", async () => {
  const { wal } = await open(files, dir, segmentBytes);
  const before = wal.stats.syncs;
  await write(wal, [entry(1, 1, 10), says(2, members(1, 2)), entry(3, 1, 10)]);
  assert.equal(wal.stats.syncs - before, 2);
  await write(wal, [says(4, members(1, 2, 3))]);
  assert.equal(wal.stats.syncs - before, 4);
  await wal.close();
});
