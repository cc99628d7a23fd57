import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { logIndex, replicaId, term } from "../../base/units.ts";
import type { LogBase } from "../../raft/log-view.ts";
import { wholeLog } from "../../raft/log-view.ts";
import type { Entry } from "../../raft/message.ts";
import { markBehind, markedBehind } from "./behind.ts";
import { EmbeddedLog } from "./embedded-log.ts";
import { type Started, type StartOptions, startLog } from "./start.ts";
import { writeVote } from "./vote-record.ts";

let root = "";
let directory = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "bazaar-start-"));
  directory = join(root, "log");
  await EmbeddedLog.format(directory, { cluster: "test", replica: replicaId(2) });
});
afterEach(() => rm(root, { recursive: true, force: true }));

function start(options: Partial<StartOptions> = {}): Promise<Started> {
  return startLog({
    directory,
    cluster: "test",
    id: replicaId(2),
    alone: false,
    applied: wholeLog,
    copying: false,
    keptBytes: 0,
    segmentBytes: 64 * 1024,
    onFatal: (error) => assert.fail(String(error)),
    onRoom: () => {},
    ...options,
  });
}

const base = (index: number, ofTerm: number): LogBase => ({ index: logIndex(index), term: term(ofTerm) });

function entries(from: number, terms: readonly number[]): Entry[] {
  return terms.map((ofTerm, i) => ({
    index: logIndex(from + i),
    term: term(ofTerm),
    kind: "command",
    payload: new Uint8Array([from + i]),
  }));
}

/** A log of entries of these terms, under the last of them, with a vote for `votedFor`; closed. */
async function written(terms: readonly number[], votedFor: number | undefined): Promise<void> {
  const { wal } = await start();
  const hardState = {
    term: term(terms.at(-1) ?? 0),
    votedFor: votedFor === undefined ? undefined : replicaId(votedFor),
  };
  await new Promise<void>((resolve) => wal.write({ hardState, entries: entries(1, terms) }, resolve));
  await wal.close();
}

test("a log that has what was applied is opened as it is", async () => {
  await written([1, 1, 2], 3);
  const { wal, recovered, lost } = await start({ applied: base(3, 2) });
  assert.equal(lost, undefined);
  assert.equal(recovered.recovering, false);
  assert.equal(recovered.lastIndex, 3);
  await wal.close();
});

test("a log that is gone is begun anew as recovering, behind what was applied, under a higher number", async () => {
  await written([1, 1, 2], 3);
  await rm(directory, { recursive: true });
  const { wal, recovered, incarnation, lost } = await start({ applied: base(3, 2) });
  assert.match(lost?.reason ?? "", /gone/);
  assert.equal(recovered.recovering, true);
  assert.deepEqual(recovered.base, base(3, 2));
  assert.ok(incarnation > 1_000_000);
  await wal.close();
});

test("of a replica that is alone nobody could bring the log back: it does not start", async () => {
  await rm(directory, { recursive: true });
  await assert.rejects(start({ alone: true }), { code: "wrong-data" });
  assert.deepEqual(await readdir(root), [], "nothing was made in its place");
});

test("a log that ends before what was applied is lost, and set aside", async () => {
  await written([1, 1, 2], 3);
  const { wal, recovered, lost } = await start({ applied: base(5, 2) });
  assert.ok(lost?.setAside !== undefined);
  assert.equal(recovered.recovering, true);
  await wal.close();
});

test("a log that has another entry where one was applied is lost", async () => {
  await written([1, 1, 2], 3);
  const { wal, recovered } = await start({ applied: base(3, 1) });
  assert.equal(recovered.recovering, true);
  await wal.close();
});

test("a log that was behind is begun anew behind the state that was copied, in that state's term", async () => {
  await written([1, 1, 2], 3);
  await markBehind(directory, 8);
  const { wal, recovered, lost } = await start({ applied: base(9, 4) });
  assert.equal(lost, undefined);
  assert.equal(recovered.recovering, false);
  assert.deepEqual(recovered.base, base(9, 4));
  assert.deepEqual(recovered.hardState, { term: 4, votedFor: undefined });
  assert.equal(await markedBehind(directory), undefined);
  await wal.close();
});

test("so is one whose own end, never committed, reaches beyond that state", async () => {
  await written([1, 1, 2, 2, 2], 3);
  await markBehind(directory, 3);
  const { wal, recovered } = await start({ applied: base(4, 3) });
  assert.equal(recovered.recovering, false);
  assert.deepEqual(recovered.base, base(4, 3));
  await wal.close();
});

test("a mark that was left over does not make a loss look like a copy later", async () => {
  await written([1, 1, 2], 3);
  await markBehind(directory, 2);
  await (await start({ applied: base(3, 2) })).wal.close();
  assert.equal(await markedBehind(directory), undefined);
  const { wal, recovered } = await start({ applied: base(7, 2) });
  assert.equal(recovered.recovering, true);
  await wal.close();
});

test("but it stays while a copy is under way", async () => {
  await written([1, 1, 2], 3);
  await markBehind(directory, 9);
  await (await start({ applied: base(3, 2), copying: true })).wal.close();
  assert.equal(await markedBehind(directory), 9);
});

test("a vote that is on record and not in the log shows that the log lost its end: it is kept, and the replica doubtful", async () => {
  await written([1, 1, 2], 3);
  await writeVote(directory, { term: term(5), votedFor: replicaId(1) });
  for (let life = 0; life < 2; life++) {
    const { wal, recovered } = await start();
    assert.deepEqual(recovered.hardState, { term: 5, votedFor: 1 });
    assert.ok(recovered.cut !== undefined, `life ${life}`);
    assert.equal(recovered.lastIndex, 3);
    await wal.close();
  }
});

test("a vote in the log's own term that the log does not have is kept too", async () => {
  await written([1, 1, 2], undefined);
  await writeVote(directory, { term: term(2), votedFor: replicaId(1) });
  const { wal, recovered } = await start();
  assert.deepEqual(recovered.hardState, { term: 2, votedFor: 1 });
  assert.ok(recovered.cut !== undefined);
  await wal.close();
});

test("an older vote on record says nothing: the record follows the log", async () => {
  await written([1, 1, 2], 3);
  await writeVote(directory, { term: term(1), votedFor: replicaId(1) });
  const { wal, recovered } = await start();
  assert.deepEqual(recovered.hardState, { term: 2, votedFor: 3 });
  assert.equal(recovered.cut, undefined);
  await wal.close();
});

test("a directory of another replica is refused and left alone", async () => {
  const before = await readdir(directory);
  await assert.rejects(start({ id: replicaId(3) }), { code: "wrong-data" });
  assert.deepEqual(await readdir(directory), before);
});

test("a log whose end is gone with who the members are is begun anew: its replica counts for nothing", async () => {
  await written([1, 1, 2], 3);
  await writeVote(directory, { term: term(2), votedFor: replicaId(3) }, undefined, base(4, 2));
  const { wal, recovered, lost } = await start({ applied: base(2, 1) });
  assert.match(lost?.reason ?? "", /who the members of the group are/);
  assert.equal(recovered.recovering, true);
  await wal.close();
});
