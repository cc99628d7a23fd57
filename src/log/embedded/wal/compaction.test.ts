/** Compaction: what goes and what stays, and that a crash at any call leaves the log before it or after it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../../base/random.ts";
import { logIndex, term } from "../../../base/units.ts";
import { CrashFiles } from "./crash-files.ts";
import { WalDamaged } from "./damage.ts";
import { copyOf, dir, ended, expectOneOf, fixture, segmentBytes } from "./fixture.test-support.ts";
import { check, compact, entry, identity, LogModel, open, write } from "./model.test-support.ts";
import { segmentName } from "./record.ts";
import { listSegments } from "./segments.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

test("segments go whole, oldest first, and what is left reads on as before", async () => {
  const { files, model } = await fixture(1);
  const { wal } = await open(files, dir, segmentBytes);
  const before = await listSegments(files, dir);
  assert.equal(await compact(wal, model, 2), undefined, "no segment holds so little");
  const bytes = wal.stats.bytes;
  const base = await compact(wal, model, model.lastIndex - 6);
  assert.ok(base !== undefined && base.index > 20, `compacted up to ${base?.index}`);
  assert.ok(wal.stats.bytes < bytes / 2);
  const after = await listSegments(files, dir);
  assert.ok(after.length < before.length / 2, `${after.length} of ${before.length} segments are left`);
  assert.deepEqual(after, before.slice(before.length - after.length));
  assert.equal(await wal.read(base.index, 100), undefined);
  assert.equal((await wal.read(logIndex(base.index + 1), 0))?.length, 1);
  await write(wal, model, { from: model.lastIndex + 1, count: 3, term: 50, bytes: 100, vote: 2 });
  await wal.close();
  const again = await open(files, dir, segmentBytes);
  await check(again.wal, again.recovered, model);
  assert.deepEqual(again.recovered.base, base);
  await again.wal.close();
});

test("a compaction leaves as many bytes behind what it is told as it should, and a segment more at most", async () => {
  for (const keptBytes of [0, 1_000, 5_000, 9_000, 1_000_000]) {
    const { files, model } = await fixture(1, 100);
    const { wal } = await WriteAheadLog.open(dir, identity, {
      files,
      segmentBytes,
      keptBytes,
      tailBytes: 1_000,
      onFatal: (error) => assert.fail(error),
    });
    const through = model.lastIndex - 12;
    const base = (await compact(wal, model, through))?.index ?? 0;
    const kept = model.behind(base).filter(({ index }) => index <= through).length * 92;
    // Groups of three entries carry a header each, and some entries were replaced.
    assert.ok(base === 0 || kept * 1.7 >= keptBytes, `${kept} of ${keptBytes}`);
    assert.ok(kept <= keptBytes + 2 * segmentBytes || base === 0, `${kept} of ${keptBytes}`);
    assert.equal(base === 0, keptBytes === 1_000_000);
    await wal.close();
  }
});

test("a second compaction while one is under way does nothing, and neither does one while a reset is", async () => {
  const { files, model } = await fixture(1);
  const { wal } = await open(files, dir, segmentBytes);
  const through = logIndex(model.lastIndex - 6);
  const first = wal.compact(through);
  assert.equal(await wal.compact(through), undefined);
  assert.ok((await first) !== undefined);
  const done = wal.reset({ index: logIndex(200), term: term(60) }, { term: term(60), votedFor: undefined });
  assert.equal(await wal.compact(logIndex(200)), undefined);
  await done;
  await wal.close();
});

test("entries that are read while they are compacted are whole or refused", async () => {
  for (let turns = 0; turns < 40; turns++) {
    const { files, model } = await fixture(1, 20);
    const { wal } = await open(files, dir, segmentBytes);
    const compacting = compact(wal, model, model.lastIndex - 3);
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    const read = await wal.read(logIndex(1), 4_000);
    assert.ok(read === undefined || read.length > 1);
    if (read !== undefined) assert.deepEqual(read, model.entries.slice(0, read.length));
    assert.ok((await compacting) !== undefined);
    await wal.close();
  }
});

test("a segment cannot be the first one left while a later one replaces what is before it", async () => {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes });
  const { wal } = await open(files, dir, segmentBytes);
  const model = new LogModel();
  const append = (from: number, ofTerm: number) =>
    write(wal, model, { from, count: 1, term: ofTerm, bytes: 300 });
  for (let i = 1; i <= 20; i++) await append(i, 1);
  // Everything from 9 on is written anew, in later segments.
  for (let i = 9; i <= 24; i++) await append(i, 2);
  const base = await compact(wal, model, 9);
  assert.ok(base !== undefined && base.index < 9, `${base?.index}`);
  await wal.close();
  const again = await open(files, dir, segmentBytes);
  await check(again.wal, again.recovered, model);
  const further = await compact(again.wal, model, 24);
  assert.ok(further !== undefined && further.index >= 9);
  await again.wal.close();
});

test("a cut after a compaction takes entries, never the term or the vote", async () => {
  let singles = 0;
  for (let groups = 8; groups < 24; groups++) {
    const { files, model } = await fixture(1, groups);
    const { wal } = await open(files, dir, segmentBytes);
    const segments = wal.stats.segments;
    let rolled = false;
    while (!rolled) {
      const entries = [entry(model.lastIndex + 1, 40, 90)];
      await new Promise<void>((resolve) => wal.write({ entries }, resolve));
      model.apply({ entries });
      rolled = wal.stats.segments > segments;
    }
    // The newest segment holds one group.
    const base = await compact(wal, model, model.lastIndex);
    assert.ok(base !== undefined);
    await wal.close();
    const used = (await listSegments(files, dir)).filter((number) =>
      files.bytes(join(dir, segmentName(number))).some((byte) => byte !== 0),
    );
    assert.equal(used.length, 2, "the segment before it stays");
    const bytes = files.bytes(join(dir, segmentName(used.at(-1) ?? 0)));
    const last = bytes.findLastIndex((byte) => byte !== 0);
    bytes[last] = (bytes[last] as number) ^ 1;
    const again = await open(files, dir, segmentBytes);
    assert.ok(again.recovered.cut !== undefined);
    assert.deepEqual(again.recovered.hardState, model.hardState);
    assert.ok(again.recovered.lastIndex >= base.index);
    await again.wal.close();
    singles++;
  }
  assert.equal(singles, 16);
});

test("a bit that flips in a segment that was kept is still damage, and so is one in the base record", async () => {
  const { files, model } = await fixture(1, 60);
  const { wal } = await open(files, dir, segmentBytes);
  assert.ok((await compact(wal, model, model.lastIndex - 60)) !== undefined);
  await wal.close();
  const image = files.image();
  const paths = [...image.keys()]
    .filter((path) => path.endsWith(".wal") || path.endsWith("base.json"))
    .sort();
  let flips = 0;
  // The last segment in use ends with a group that may be torn.
  const whole = paths.filter((path) => image.get(path)?.some((byte) => byte !== 0)).slice(0, -1);
  for (const path of whole) {
    const end = image.get(path)?.findLastIndex((byte) => byte !== 0) ?? 0;
    for (let at = 0; at < end; at += 23) {
      files.restore(image);
      const bytes = files.bytes(path);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      await assert.rejects(open(files, dir, segmentBytes), WalDamaged, `${path} at ${at}`);
      flips++;
    }
  }
  assert.ok(flips > 100, `${flips} bits were flipped`);
  for (const path of whole) {
    files.restore(new Map([...image].filter(([name]) => name !== path)));
    await assert.rejects(open(files, dir, segmentBytes), WalDamaged, `${path} is missing`);
  }
});

test("damage that a compaction meets is told, and the log stays as it is", async () => {
  const { files, model } = await fixture(1);
  const { wal } = await open(files, dir, segmentBytes);
  const before = await listSegments(files, dir);
  for (const number of before.slice(0, -2)) {
    const bytes = files.bytes(join(dir, segmentName(number)));
    for (let at = 70; at < bytes.length; at += 50) bytes[at] = (bytes[at] ?? 0) ^ 1;
  }
  await assert.rejects(wal.compact(logIndex(model.lastIndex - 9)), WalDamaged);
  assert.equal(wal.stats.firstIndex, 1);
  await wal.close();
});

test("a crash at any call of a compaction leaves the log before it or after it", async () => {
  let deaths = 0;
  let compacted = 0;
  for (let seed = 1; seed <= 2; seed++) {
    const { files, image, model } = await fixture(seed);
    for (let calls = 0; ; calls++) {
      files.restore(image);
      const { wal } = await open(files, dir, segmentBytes);
      const now = copyOf(model);
      const whole = await ended(files, calls, () => compact(wal, now, model.lastIndex - 9));
      if (seed % 2 === 0) files.losePower();
      else files.die();
      const again = await open(files, dir, segmentBytes);
      if (again.recovered.base.index > 0) compacted++;
      files.die();
      await expectOneOf(files, [now], `seed ${seed}, call ${calls}`);
      if (whole) break;
      deaths++;
    }
  }
  assert.ok(deaths > 30 && compacted > 10 && compacted < deaths, `${compacted} of ${deaths} were compacted`);
});
