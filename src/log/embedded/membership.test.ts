/** A group that grows and shrinks while entries are appended, over real connections and files. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type ReplicaId, replicaId } from "../../base/units.ts";
import { bytes, take, text } from "../group.test-support.ts";
import { EmbeddedLog } from "./embedded-log.ts";
import { freePort, type StartedMember, startMember } from "./member.test-support.ts";
import type { Member } from "./peers.ts";

const cluster = "growing";
let root: string;
let known: Member[];
let up: Map<ReplicaId, StartedMember>;

const directory = (id: ReplicaId): string => join(root, `member-${id}`);

async function begin(id: number, founders?: readonly ReplicaId[]): Promise<void> {
  const member = { id: replicaId(id), host: "127.0.0.1", port: await freePort() };
  await EmbeddedLog.format(directory(member.id), { cluster, replica: member.id }, founders && { founders });
  known.push(member);
  for (const { log } of up.values()) log.noteAddresses([...known]);
}

async function start(id: number): Promise<EmbeddedLog> {
  const member = await startMember(cluster, directory(replicaId(id)), replicaId(id), [...known]);
  up.set(replicaId(id), member);
  return member.log;
}

async function until<T>(what: () => T | undefined): Promise<T> {
  for (;;) {
    const found = what();
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function leader(): Promise<EmbeddedLog> {
  return until(() => [...up.values()].map(({ log }) => log).find((log) => log.leadership.leading));
}

function voters(log: EmbeddedLog): string {
  const ids = log.members?.map(({ id, role }) => (role === "voter" ? `${id}` : `(${id})`));
  return ids?.join(" ") ?? "";
}

/** Asks whoever leads, again and again, until it is done. */
async function change(ask: (log: EmbeddedLog) => string | undefined): Promise<void> {
  await until(() => {
    const log = [...up.values()].map((member) => member.log).find((each) => each.leadership.leading);
    return log !== undefined && ask(log) === undefined ? true : undefined;
  });
}

async function stop(id: number): Promise<void> {
  await up.get(replicaId(id))?.close();
  up.delete(replicaId(id));
}

async function append(payload: string): Promise<void> {
  const log = await leader();
  log.append(bytes(payload), log.leadership.term, 1);
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "bazaar-members-"));
  known = [];
  up = new Map();
  const founders = [1, 2, 3].map(replicaId);
  for (const id of founders) await begin(id, founders);
  for (const id of founders) await start(id);
});
afterEach(async () => {
  for (const member of up.values()) await member.close();
  await rm(root, { recursive: true, force: true });
});

test("a member that is gone is removed, a new one takes its place, and has everything", async () => {
  await append("a");
  await stop(1);
  await change((log) => log.changeMembers({ kind: "remove", id: replicaId(1) }));
  await begin(4);
  const joined = await start(4);
  const [, , , fourth] = known;
  assert.ok(fourth);
  await change((log) => log.changeMembers({ kind: "add", ...fourth }));
  await append("b");
  await until(() => (voters(joined) === "2 3 4" && joined.membersCommitted ? true : undefined));
  assert.deepEqual(
    (await take(joined, 2)).map(({ payload }) => text(payload)),
    ["a", "b"],
  );
  // It counts: with one of the others stopped, entries are committed all the same.
  await stop(2);
  await append("c");
  assert.equal((await take(joined, 3)).length, 3);
});

test("a leader that is to be removed hands over, and is removed by its successor", async () => {
  const first = await leader();
  const [id] = [...up].find(([, { log }]) => log === first) ?? [];
  assert.ok(id);
  await until(() => (first.changeMembers({ kind: "remove", id }) === "leads" ? true : undefined));
  await change((log) => log.changeMembers({ kind: "remove", id }));
  const next = await leader();
  assert.notEqual(next, first);
  assert.equal(next.members?.length, 2);
});

test("who the members are survives a restart of everyone", async () => {
  await begin(4);
  await start(4);
  const [, , , fourth] = known;
  assert.ok(fourth);
  await change((log) => log.changeMembers({ kind: "add", ...fourth }));
  await until(() => ([...up.values()].every(({ log }) => voters(log) === "1 2 3 4") ? true : undefined));
  for (const id of [1, 2, 3, 4]) await stop(id);
  for (const id of [1, 2, 3, 4]) await start(id);
  assert.deepEqual(
    [...up.values()].map(({ log }) => voters(log)),
    ["1 2 3 4", "1 2 3 4", "1 2 3 4", "1 2 3 4"],
  );
  await leader();
});

test("what would leave no majority that answers is refused", async () => {
  await leader();
  const [lost, other] = [...up].filter(([, { log }]) => !log.leadership.leading).map(([id]) => id);
  assert.ok(lost && other);
  const left = await leader();
  await stop(lost);
  await until(() => (left.changeMembers({ kind: "remove", id: other }) === "no-majority" ? true : undefined));
});
