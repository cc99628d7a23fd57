import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { logLimits } from "../../../base/limits.ts";
import { seededRandom } from "../../../base/random.ts";
import { replicaId, term } from "../../../base/units.ts";
import type { Entry } from "../../../raft/message.ts";
import { CrashFiles } from "./crash-files.ts";
import {
  check,
  entry,
  identity,
  LogModel,
  open,
  run,
  type Step,
  steps,
  write,
} from "./model.test-support.ts";
import { nodeFiles } from "./node-files.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

const dir = "/wal";

async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bazaar-wal-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("on a real disk, every write is found again after a restart behind any of them", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "wal");
    await WriteAheadLog.format(path, identity, { segmentBytes: 4_096 });
    const model = new LogModel();
    for (let i = 0; i < 40; i++) {
      const { wal, recovered } = await open(nodeFiles, path, 4_096);
      await check(wal, recovered, model);
      assert.equal(recovered.cut, undefined);
      await write(wal, model, {
        from: i + 1,
        count: 1,
        term: 1 + (i >> 3),
        bytes: (i * 37) % 300,
        vote: i % 4,
      });
      await wal.close();
    }
    assert.ok(readdirSync(path).filter((name) => name.endsWith(".wal")).length > 2, "the log has rolled");
  });
});

test("what is written, truncated, compacted, reset and restarted at random reads like a plain list", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 40 }), async (list) => {
      const files = new CrashFiles(seededRandom(1));
      await WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 });
      const model = new LogModel();
      let { wal } = await open(files, dir, 2_048);
      for (const step of list) {
        if (step.kind !== "restart") {
          await run(wal, model, step);
          continue;
        }
        await wal.close();
        const again = await open(files, dir, 2_048);
        wal = again.wal;
        await check(wal, again.recovered, model);
      }
      for (let from: number = wal.stats.firstIndex; from <= model.lastIndex; from++) {
        for (const most of [0, 100, 1_000, 1_000_000])
          model.checkRead(from, most, await readable(wal, from, most));
      }
      await wal.close();
    }),
    { numRuns: 60 },
  );
});

const index = (from: number) => entry(from, 1, 0).index;

async function readable(wal: WriteAheadLog, from: number, maxBytes: number): Promise<readonly Entry[]> {
  const read = await wal.read(index(from), maxBytes);
  assert.ok(read !== undefined, `entry ${from} is not gone`);
  return read;
}

test("writes of one turn share a group, and dones come in the order of the writes", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 65_536 });
  const { wal } = await open(files, dir, 65_536);
  const done: number[] = [];
  await new Promise<void>((resolve) => {
    for (let i = 1; i <= 100; i++) {
      wal.write({ entries: [entry(i, 1, 100)] }, () => {
        done.push(i);
        if (i === 100) resolve();
      });
    }
    assert.deepEqual(done, [], "no done is called within write");
  });
  assert.deepEqual(
    done,
    Array.from({ length: 100 }, (_, i) => i + 1),
  );
  assert.equal(wal.stats.syncs, 1);
  await wal.close();
});

test("entries that a waiting write replaces are no longer read, and its own only when they are durable", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 65_536 });
  const { wal } = await open(files, dir, 65_536);
  const model = new LogModel();
  await write(wal, model, { from: 1, count: 9, term: 1, bytes: 10, vote: 0 });
  const reading = readable(wal, 4, 1_000);
  const durable = new Promise<void>((resolve) => wal.write({ entries: [entry(6, 2, 10)] }, resolve));
  assert.deepEqual((await readable(wal, 6, 1_000)).length, 0);
  assert.ok((await reading).every((read) => read.index < 6 || read.term === 2));
  await durable;
  const read = await readable(wal, 4, 1_000);
  assert.deepEqual(
    read.map((each) => [each.index, each.term]),
    [
      [4, 1],
      [5, 1],
      [6, 2],
    ],
  );
  await wal.close();
});

test("entries that became durable after a write that replaces them was made are never read", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 65_536 });
  const { wal } = await open(files, dir, 65_536);
  const read = Promise.withResolvers<readonly Entry[]>();
  wal.write({ entries: [entry(1, 1, 10), entry(2, 1, 10), entry(3, 1, 10)] }, () => {
    readable(wal, 2, 1_000).then(read.resolve, read.reject);
  });
  const durable = new Promise<void>((resolve) => wal.write({ entries: [entry(2, 2, 10)] }, resolve));
  assert.deepEqual(await read.promise, []);
  await durable;
  assert.deepEqual(
    (await readable(wal, 1, 1_000)).map((each) => each.term),
    [1, 2],
  );
  await wal.close();
});

test("one write that is larger than a segment is kept whole", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 });
  const model = new LogModel();
  const first = await open(files, dir, 2_048);
  await write(first.wal, model, { from: 1, count: 3, term: 1, bytes: 50_000, vote: 1 });
  await write(first.wal, model, { from: 4, count: 1, term: 1, bytes: 10, vote: 1 });
  await first.wal.close();
  const second = await open(files, dir, 2_048);
  await check(second.wal, second.recovered, model);
  await second.wal.close();
});

test("the tail holds the newest entries that fit, and none if the newest does not", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 });
  const model = new LogModel();
  const { wal } = await open(files, dir, 2_048);
  for (let i = 1; i <= 30; i++) await write(wal, model, { from: i, count: 1, term: 1, bytes: 100, vote: 0 });
  await wal.close();
  const held = 100 + logLimits.entryOverheadBytes;
  for (const [tailBytes, expected] of [
    [held - 1, 0],
    [held, 1],
    [11 * held - 1, 10],
    [30 * held, 30],
  ] as const) {
    const onFatal = (error: Error): never => assert.fail(error);
    const again = await WriteAheadLog.open(dir, identity, { files, tailBytes, segmentBytes: 2_048, onFatal });
    assert.deepEqual(again.recovered.tail, model.entries.slice(30 - expected));
    await again.wal.close();
  }
});

test("a write that leaves a gap, and a write after close, stop the process", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 });
  const { wal } = await open(files, dir, 2_048);
  assert.throws(() => wal.write({ entries: [entry(2, 1, 1)] }, () => {}), /does not continue/);
  await wal.close();
  assert.throws(() => wal.write({ entries: [] }, () => {}), /closed/);
  files.die();
  const { wal: another } = await open(files, dir, 2_048);
  const apart: Entry[] = [entry(1, 1, 1), entry(3, 1, 1)];
  assert.throws(() => another.write({ entries: apart }, () => {}), /neighbouring/);
});

test("close waits for what was written", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 });
  const { wal } = await open(files, dir, 2_048);
  let done = 0;
  for (let i = 1; i <= 50; i++) wal.write({ entries: [entry(i, 1 + (i % 3), 200)] }, () => done++);
  await wal.close();
  assert.equal(done, 50);
});

for (const operation of ["pwrite", "fdatasync"] as const) {
  test(`a failed ${operation} is fatal: it is told once and nothing is acknowledged any more`, async () => {
    const files = new CrashFiles(seededRandom(1));
    await WriteAheadLog.format(dir, identity, { files, segmentBytes: 65_536 });
    const fatal: { code: string }[] = [];
    const heard = Promise.withResolvers<void>();
    const { wal } = await WriteAheadLog.open(dir, identity, {
      files,
      tailBytes: 1_000,
      segmentBytes: 65_536,
      onFatal: (error) => {
        fatal.push(error);
        heard.resolve();
      },
    });
    let done = 0;
    const ours: Step = { kind: "write", from: 1, count: 1, term: 1, bytes: 10, vote: 0 };
    await run(wal, new LogModel(), ours);
    files.fault = (called) => (called === operation ? new Error("EIO") : undefined);
    wal.write({ entries: [entry(2, 1, 10)] }, () => done++);
    await heard.promise;
    files.fault = () => undefined;
    wal.write({ entries: [entry(3, 1, 10)] }, () => done++);
    await wal.close();
    assert.equal(done, 0);
    assert.deepEqual(
      fatal.map((error) => error.code),
      ["storage"],
    );
  });
}

test("a disk that fails while the next segment is prepared is told as a storage failure", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 4_096 });
  const heard = Promise.withResolvers<string>();
  const { wal } = await WriteAheadLog.open(dir, identity, {
    files,
    tailBytes: 1_000,
    segmentBytes: 4_096,
    onFatal: (error) => heard.resolve(error.code),
  });
  files.fault = (called) => (called === "open" ? new Error("EIO") : undefined);
  wal.write({ entries: [entry(1, 1, 1_000)] }, () => {});
  assert.equal(await heard.promise, "storage");
  await wal.close();
});

test("a directory of another replica, cluster or version, or without a format record, is refused", async () => {
  const files = new CrashFiles(seededRandom(1));
  const refusal = (who: typeof identity) =>
    assert.rejects(open(files, dir, 2_048, who), { code: "wrong-data" });
  await refusal(identity);
  assert.equal(await WriteAheadLog.isFormatted(dir, files), false);
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 });
  assert.equal(await WriteAheadLog.isFormatted(dir, files), true);
  await refusal({ ...identity, replica: replicaId(7) });
  await refusal({ ...identity, cluster: "another" });
  await assert.rejects(WriteAheadLog.format(dir, identity, { files }), { code: "wrong-data" });

  const { writeRecord } = await import("./checked-record.ts");
  await writeRecord(files, dir, "format.json", { version: 1, ...identity });
  await refusal(identity);
});

test("a format that was interrupted can be repeated, but never over entries", async () => {
  for (let calls = 0; ; calls++) {
    const files = new CrashFiles(seededRandom(calls));
    const died = files.dieAfter(calls);
    const formatted = WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 }).then(
      () => "formatted",
    );
    if ((await Promise.race([died, formatted])) === "formatted") break;
    files.losePower();
    if (!(await WriteAheadLog.isFormatted(dir, files))) {
      await WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 });
    }
    const { wal, recovered } = await open(files, dir, 2_048);
    await check(wal, recovered, new LogModel());
    await write(wal, new LogModel(), { from: 1, count: 1, term: 1, bytes: 1, vote: 0 });
    await wal.close();
    await files.remove(join(dir, "format.json"));
    await assert.rejects(WriteAheadLog.format(dir, identity, { files }), { code: "wrong-data" });
  }
});

test("the hard state alone is durable too", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes: 2_048 });
  const { wal } = await open(files, dir, 2_048);
  await new Promise<void>((resolve) => {
    wal.write({ hardState: { term: term(4), votedFor: replicaId(2) }, entries: [] }, () => {});
    wal.write({ hardState: { term: term(5), votedFor: undefined }, entries: [] }, resolve);
  });
  files.losePower();
  const { wal: again, recovered } = await open(files, dir, 2_048);
  assert.deepEqual(recovered.hardState, { term: 5, votedFor: undefined });
  await again.close();
});
