/** A log that was lost: it is set aside, and an empty one begun whose replica is recovering. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../../base/random.ts";
import { logIndex, term } from "../../../base/units.ts";
import { wholeLog } from "../../../raft/log-view.ts";
import { nextIncarnation } from "../incarnation.ts";
import { CrashFiles } from "./crash-files.ts";
import { WalDamaged } from "./damage.ts";
import { check, identity, LogModel, open, write } from "./model.test-support.ts";
import { segmentName } from "./record.ts";
import { formatRecovering, setAside } from "./set-aside.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

const dir = "/replica/log";
const segmentBytes = 2_048;
const base = { index: logIndex(40), term: term(3) };
const wallClockMs = 1_700_000_000_000;

/** The files of a log that is damaged. */
async function damaged(seed: number): Promise<CrashFiles> {
  const files = new CrashFiles(seededRandom(seed));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes });
  const { wal } = await open(files, dir, segmentBytes);
  const model = new LogModel();
  for (let i = 1; i <= 12; i++) await write(wal, model, { from: i, count: 1, term: 2, bytes: 300, vote: 1 });
  await nextIncarnation(dir, files);
  await wal.close();
  const bytes = files.bytes(join(dir, segmentName(1)));
  bytes[400] = (bytes[400] ?? 0) ^ 1;
  return files;
}

/** What a start does with a log that is gone or damaged. */
async function begin(files: CrashFiles): Promise<void> {
  try {
    if (await WriteAheadLog.isFormatted(dir, files)) {
      const { wal } = await open(files, dir, segmentBytes);
      await wal.close();
      return;
    }
  } catch (error) {
    assert.ok(error instanceof WalDamaged, `${error}`);
  }
  await setAside(dir, files);
  await formatRecovering(dir, identity, base, { files, segmentBytes, wallClockMs });
}

/** That the log is an empty one behind the base, of a replica that is recovering, and can be used. */
async function expectRecovering(files: CrashFiles): Promise<void> {
  const first = await open(files, dir, segmentBytes);
  const model = new LogModel();
  model.reset(base, { term: base.term, votedFor: undefined });
  await check(first.wal, first.recovered, model);
  assert.equal(first.recovered.recovering, true);
  assert.ok((await nextIncarnation(dir, files)) >= wallClockMs);
  await write(first.wal, model, { from: 41, count: 2, term: 5, bytes: 100, vote: 2 });
  files.losePower();
  const second = await open(files, dir, segmentBytes);
  await check(second.wal, second.recovered, model);
  assert.equal(second.recovered.recovering, true, "it says so until it is told");
  await second.wal.forgetRecovering();
  files.losePower();
  const third = await open(files, dir, segmentBytes);
  await check(third.wal, third.recovered, model);
  assert.equal(third.recovered.recovering, false);
  await third.wal.close();
}

test("a damaged log is kept under another name, and each one under its own", async () => {
  const files = await damaged(1);
  const whole = files.image();
  assert.equal(await setAside(dir, files), `${dir}.set-aside-1`);
  assert.equal(await WriteAheadLog.isFormatted(dir, files), false);
  for (const [path, bytes] of whole) {
    assert.deepEqual(files.bytes(path.replace(dir, `${dir}.set-aside-1`)), bytes, "every byte is kept");
  }
  assert.equal(await setAside(dir, files), undefined, "there is nothing left to set aside");
  await formatRecovering(dir, identity, wholeLog, { files, segmentBytes });
  assert.equal(await setAside(dir, files), `${dir}.set-aside-2`);
});

test("what was set aside stays so through a power failure", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const files = await damaged(seed);
    await setAside(dir, files);
    files.losePower();
    assert.equal(await WriteAheadLog.isFormatted(dir, files), false, `seed ${seed}`);
    assert.equal(await WriteAheadLog.isFormatted(`${dir}.set-aside-1`, files), true, `seed ${seed}`);
  }
});

test("the log of a recovering replica goes on behind the base, and its lives behind all that were before", async () => {
  const files = await damaged(1);
  await begin(files);
  await expectRecovering(files);
});

test("its lives are counted on from those that were set aside, if the wall clock was set back since", async () => {
  const files = await damaged(1);
  await begin(files);
  const before = await nextIncarnation(dir, files);
  assert.ok(before >= wallClockMs);
  await setAside(dir, files);
  await formatRecovering(dir, identity, base, { files, segmentBytes, wallClockMs: wallClockMs - 1_000 });
  assert.equal(await nextIncarnation(dir, files), before + 1);
});

test("a log is never made anew over one that is there", async () => {
  const files = await damaged(1);
  const image = files.image();
  const again = () => formatRecovering(dir, identity, base, { files, segmentBytes, wallClockMs });
  await assert.rejects(again(), { code: "wrong-data" });
  files.restore(new Map([...image].filter(([path]) => !path.endsWith("format.json"))));
  await assert.rejects(again(), { code: "wrong-data" }, "a log that lost its format record holds entries");
  assert.equal(await setAside(dir, files), `${dir}.set-aside-1`);
  await again();
  await expectRecovering(files);
});

test("a crash at any call of setting aside and beginning anew leaves what the next start finishes", async () => {
  let deaths = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const files = await damaged(seed);
    const image = files.image();
    for (let calls = 0; ; calls++) {
      files.restore(image);
      const died = files.dieAfter(calls).then(() => false);
      const whole = await Promise.race([begin(files).then(() => true), died]);
      void files.dieAfter(Number.POSITIVE_INFINITY);
      if (seed % 2 === 0) files.losePower();
      else files.die();
      await begin(files);
      await expectRecovering(files);
      const aside = [...files.image()].filter(([path]) => path.startsWith(`${dir}.set-aside-1/`));
      for (const [path, bytes] of image) {
        const kept = aside.find(([name]) => name === path.replace(dir, `${dir}.set-aside-1`));
        assert.deepEqual(kept?.[1], bytes, `${path} is kept, seed ${seed}, call ${calls}`);
      }
      assert.ok(
        ![...files.image().keys()].some((path) => path.includes("set-aside-2")),
        "it is set aside once",
      );
      if (whole) break;
      deaths++;
    }
  }
  assert.ok(deaths > 60, `${deaths} starts died`);
});

test("a crash while the mark is removed leaves it or not, and the log as it was", async () => {
  const files = await damaged(1);
  await begin(files);
  const image = files.image();
  const seen = new Set<boolean>();
  for (let calls = 0; calls < 12; calls++) {
    files.restore(image);
    const { wal } = await open(files, dir, segmentBytes);
    const died = files.dieAfter(calls);
    await Promise.race([wal.forgetRecovering(), died]);
    files.losePower();
    const again = await open(files, dir, segmentBytes);
    seen.add(again.recovered.recovering);
    assert.deepEqual(again.recovered.base, base);
    files.die();
  }
  assert.equal(seen.size, 2);
});

test("on a real disk too", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bazaar-aside-"));
  try {
    const path = join(folder, "log");
    assert.equal(await setAside(path), undefined);
    await WriteAheadLog.format(path, identity, { segmentBytes });
    assert.equal(await setAside(path), `${path}.set-aside-1`);
    assert.ok(!existsSync(path));
    await formatRecovering(path, identity, base, { segmentBytes });
    assert.ok((await nextIncarnation(path)) > wallClockMs);
    assert.equal(await setAside(path), `${path}.set-aside-2`);
    assert.deepEqual(readdirSync(folder).sort(), ["log.set-aside-1", "log.set-aside-2"]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
