import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { logIndex, replicaId, term } from "../../base/units.ts";
import type { HardState } from "../../raft/effect.ts";
import { isBehindMark, readMembersMark, readVote, writeVote } from "./vote-record.ts";
import { WalDamaged } from "./wal/damage.ts";
import type { WalFiles } from "./wal/files.ts";
import { nodeFiles } from "./wal/node-files.ts";
import { fullDisk } from "./wal/room.ts";

let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "bazaar-vote-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const vote = (inTerm: number, votedFor?: number): HardState => {
  return { term: term(inTerm), votedFor: votedFor === undefined ? undefined : replicaId(votedFor) };
};

const file = (): string => join(directory, "vote");

/** A full disk: nothing new can be made. */
const full: WalFiles = {
  ...nodeFiles,
  open: (path, how) => {
    return how === "new" ? Promise.reject(fullDisk("no room")) : nodeFiles.open(path, how);
  },
};

test("the newest vote is read, also one for nobody, and none where none was written", async () => {
  assert.equal(await readVote(directory), undefined);
  for (const written of [vote(1, 3), vote(1, 3), vote(2), vote(2, 1), vote(2 ** 40, 255)]) {
    await writeVote(directory, written);
    assert.deepEqual(await readVote(directory), written);
  }
});

test("a full disk keeps only the first vote from being written", async () => {
  await assert.rejects(writeVote(directory, vote(1, 1), full), { code: "ENOSPC" });
  assert.equal(await readVote(directory), undefined);
  await writeVote(directory, vote(1, 1));
  await writeVote(directory, vote(2, 3), full);
  await writeVote(directory, vote(3, 2), full);
  assert.deepEqual(await readVote(directory), vote(3, 2));
});

test("a file that was not finished is finished by the next write", async () => {
  await writeFile(file(), "");
  assert.equal(await readVote(directory), undefined);
  await writeVote(directory, vote(1, 2));
  assert.deepEqual(await readVote(directory), vote(1, 2));
  assert.equal((await readFile(file())).length, 1024);
});

test("a write that was torn leaves the vote before it, and the next one takes its place", async () => {
  await writeVote(directory, vote(1, 1));
  await writeVote(directory, vote(2, 2));
  const bytes = await readFile(file());
  // The first write is in the second slot, the second in the first.
  await writeFile(file(), bytes.fill(0xa5, 0, 512));
  assert.deepEqual(await readVote(directory), vote(1, 1));
  await writeVote(directory, vote(3, 3));
  assert.deepEqual(await readVote(directory), vote(3, 3));
});

test("a file in which no vote can be read is damage", async () => {
  await writeVote(directory, vote(1, 1));
  await writeVote(directory, vote(2, 2));
  await writeFile(file(), (await readFile(file())).fill(0x5a));
  await assert.rejects(readVote(directory), WalDamaged);
});

test("the entry that last said who the members are stays on record with every later vote", async () => {
  const mark = { index: logIndex(7), term: term(2) };
  assert.equal(await readMembersMark(directory), undefined);
  await writeVote(directory, { term: term(2), votedFor: replicaId(1) }, undefined, mark);
  for (let later = 3; later < 6; later++)
    await writeVote(directory, { term: term(later), votedFor: undefined });
  assert.deepEqual(await readMembersMark(directory), mark);
});

test("a log is behind that entry if it ends before it, and not if a later leader has replaced it", () => {
  const mark = { index: logIndex(7), term: term(2) };
  const behind = (index: number, ofTerm: number) =>
    isBehindMark({ index: logIndex(index), term: term(ofTerm) }, mark);
  assert.deepEqual([behind(6, 2), behind(9, 1), behind(7, 2), behind(5, 3)], [true, true, false, false]);
});
