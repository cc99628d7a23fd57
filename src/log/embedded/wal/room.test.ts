/** A full disk: entries are refused in time, the term and the vote go on, nothing is fatal, and it heals. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../../base/random.ts";
import { logIndex, replicaId, term } from "../../../base/units.ts";
import type { WalOptions } from "./contract.ts";
import { CrashFiles } from "./crash-files.ts";
import { check, compact, entry, identity, LogModel, open, write } from "./model.test-support.ts";
import { segmentName } from "./record.ts";
import { fullDisk } from "./room.ts";
import { listSegments } from "./segments.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

const dir = "/wal";
const segmentBytes = 64 * 1024;
const kib = 1024;

/** A log that hears of room, and tries again when it is told to. */
async function openHeard(files: CrashFiles, more: Partial<WalOptions> = {}) {
  const told: boolean[] = [];
  let waiting: (() => void) | undefined;
  const again = (): void => {
    assert.ok(waiting !== undefined, "it waits for room");
    waiting();
  };
  const opened = await WriteAheadLog.open(dir, identity, {
    files,
    segmentBytes,
    tailBytes: 1_000,
    onFatal: (error) => assert.fail(error),
    onRoom: (room) => told.push(room),
    retryLater: (run) => {
      waiting = run;
      return () => {
        waiting = undefined;
      };
    },
    ...more,
  });
  return { ...opened, told, again, waits: () => waiting !== undefined };
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    assert.ok(turns < 100_000, "it comes about");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Until a count has stood still for many turns. */
async function quiet(count: () => number): Promise<void> {
  let last = -1;
  for (let still = 0; still < 20; still++) {
    if (count() !== last) still = 0;
    last = count();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function formatted(): Promise<CrashFiles> {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes });
  return files;
}

const append = (model: LogModel, bytes: number) => ({ from: model.lastIndex + 1, count: 1, term: 3, bytes });

for (const tellsFree of [true, false]) {
  test(`on a full disk entries have no room, hundreds of votes have, and freed space heals it${tellsFree ? "" : ", also where only a failing write shows it"}`, async () => {
    const files = await formatted();
    files.tellsFree = tellsFree;
    files.capacity = files.usedBytes + 40 * kib;
    const { wal, told, again, waits } = await openHeard(files);
    const model = new LogModel();
    assert.equal(wal.room, true);
    while (wal.room) await write(wal, model, append(model, 500));
    await until(waits);
    assert.deepEqual(told, [false]);
    assert.equal((await listSegments(files, dir)).length, 1, "what was half prepared is given back");
    for (let i = 0; i < 300; i++) {
      await write(wal, model, { from: 1, count: 0, term: 4 + i, bytes: 0, vote: 1 + (i % 3) });
    }
    again();
    await until(waits);
    assert.deepEqual(told, [false], "it is told at changes only");
    files.capacity += 10_000 * kib;
    again();
    await until(() => wal.room);
    await until(() => told.length === 2);
    assert.deepEqual(told, [false, true]);
    while (wal.stats.segments < 3) await write(wal, model, { ...append(model, 5_000), term: 400 });
    await wal.close();
    const reopened = await open(files, dir, segmentBytes);
    await check(reopened.wal, reopened.recovered, model);
    await reopened.wal.close();
  });
}

test("a large segment takes entries on a full disk until its reserve and one more of the largest are left", async () => {
  const files = new CrashFiles(seededRandom(1));
  const large = 64 * kib * kib;
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: large });
  const model = new LogModel();
  const first = await openHeard(files, { segmentBytes: large });
  while (first.wal.stats.segments < 3) await write(first.wal, model, append(model, 2 * kib * kib));
  await first.wal.close();
  files.capacity = files.usedBytes + 2 * kib * kib;
  const { wal, told } = await openHeard(files, { segmentBytes: large });
  const before = wal.stats.bytes;
  while (wal.room) await write(wal, model, append(model, 2 * kib * kib));
  const used = wal.stats.bytes - before + 2 * kib * kib;
  assert.ok(used > 36 * kib * kib && used <= 44 * kib * kib, `${used} bytes were used`);
  // One that was asked for before it was known may still come, and votes.
  await write(wal, model, append(model, 8 * kib * kib));
  for (let i = 0; i < 20; i++) await write(wal, model, { from: 1, count: 0, term: 4 + i, bytes: 0, vote: 1 });
  assert.deepEqual(told, [false]);
  await wal.close();
});

test("what is written although there is no room waits, unacknowledged and in order, until there is", async () => {
  const files = await formatted();
  files.capacity = files.usedBytes + 40 * kib;
  const { wal, again, waits } = await openHeard(files);
  const model = new LogModel();
  const done: number[] = [];
  for (let i = 1; i <= 40; i++) {
    const entries = [entry(i, 1, 10_000)];
    wal.write({ entries }, () => done.push(i));
    model.apply({ entries });
    if (i % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const vote = { term: term(7), votedFor: replicaId(2) };
  wal.write({ hardState: vote, entries: [] }, () => done.push(41));
  model.apply({ hardState: vote, entries: [] });
  await until(waits);
  assert.ok(done.length < 40, `${done.length} were acknowledged`);
  files.capacity += 100_000 * kib;
  again();
  await until(() => done.length === 41);
  assert.deepEqual(
    done,
    Array.from({ length: 41 }, (_, i) => i + 1),
  );
  files.losePower();
  const reopened = await open(files, dir, segmentBytes);
  await check(reopened.wal, reopened.recovered, model);
  await reopened.wal.close();
});

test("a write larger than a segment waits for room too, and so does a log that is closed meanwhile not", async () => {
  const files = await formatted();
  files.capacity = files.usedBytes + 1_100 * kib;
  const { wal, waits } = await openHeard(files);
  const model = new LogModel();
  await write(wal, model, append(model, 100));
  let done = false;
  wal.write({ entries: [entry(2, 1, 300 * kib)] }, () => {
    done = true;
  });
  await until(waits);
  await wal.close();
  assert.equal(done, false);
  const reopened = await open(files, dir, segmentBytes);
  await check(reopened.wal, reopened.recovered, model);
  await reopened.wal.close();
});

test("a compaction frees a full disk, and the log goes on at once", async () => {
  const files = await formatted();
  const model = new LogModel();
  const first = await openHeard(files);
  while (first.wal.stats.segments < 5) await write(first.wal, model, append(model, 3_000));
  await first.wal.close();
  files.capacity = files.usedBytes + kib * kib + 10 * kib;
  const { wal, told } = await openHeard(files);
  while (wal.room) await write(wal, model, append(model, 3_000));
  assert.ok((await compact(wal, model, model.lastIndex - 5)) !== undefined);
  await until(() => wal.room);
  await until(() => told.length === 2);
  assert.deepEqual(told, [false, true]);
  await wal.close();
});

test("a compaction for whose record there is no room does nothing, and a reset waits", async () => {
  const files = await formatted();
  const model = new LogModel();
  const { wal, again, waits } = await openHeard(files);
  while (wal.stats.segments < 3) await write(wal, model, append(model, 3_000));
  await until(() => wal.room);
  files.capacity = files.usedBytes;
  assert.equal(await compact(wal, model, model.lastIndex - 5), undefined);
  assert.equal(wal.stats.firstIndex, 1);
  let done = false;
  const hardState = { term: term(9), votedFor: replicaId(1) };
  const base = { index: logIndex(900), term: term(8) };
  const resetting = wal.reset(base, hardState).then(() => {
    done = true;
  });
  await until(waits);
  assert.equal(done, false);
  files.capacity += 10_000 * kib;
  again();
  await resetting;
  model.reset(base, hardState);
  await wal.close();
  const reopened = await open(files, dir, segmentBytes);
  await check(reopened.wal, reopened.recovered, model);
  await reopened.wal.close();
});

for (const code of ["ENOSPC", "EDQUOT"]) {
  test(`${code} at any call of a preparation is no failure: it is tried again, and what it made is used`, async () => {
    const files = await formatted();
    const model = new LogModel();
    const first = await open(files, dir, segmentBytes);
    // The next segment is prepared when the log is opened the next time.
    await write(first.wal, model, append(model, 9_000));
    await first.wal.close();
    const image = files.image();
    image.delete(join(dir, segmentName(2)));
    let hit = 0;
    for (let calls = 0; ; calls++) {
      files.restore(image);
      const next = await openHeard(files);
      let made = 0;
      let failed = false;
      files.fault = () => {
        if (made++ !== calls) return undefined;
        failed = true;
        return Object.assign(fullDisk("injected"), { code });
      };
      const extended = Object.assign(new LogModel(), model);
      // Nothing is written meanwhile: every call is one of the preparation.
      await quiet(() => made);
      if (failed) {
        await until(next.waits);
        hit++;
        next.again();
      }
      files.fault = () => undefined;
      while (next.wal.stats.segments < 2) await write(next.wal, extended, append(extended, 7_000));
      await next.wal.close();
      const reopened = await open(files, dir, segmentBytes);
      await check(reopened.wal, reopened.recovered, extended);
      await reopened.wal.close();
      if (!failed) break;
    }
    assert.ok(hit >= 8, `${hit} calls failed`);
  });
}

test("ENOSPC in a write of the log itself is fatal: its blocks were there", async () => {
  const files = await formatted();
  const heard = Promise.withResolvers<string>();
  const { wal } = await openHeard(files, { onFatal: (error) => heard.resolve(error.code) });
  files.fault = (called) => (called === "pwrite" ? fullDisk("injected") : undefined);
  wal.write({ entries: [entry(1, 1, 100)] }, () => assert.fail("it was not written"));
  assert.equal(await heard.promise, "storage");
  await wal.close();
});
