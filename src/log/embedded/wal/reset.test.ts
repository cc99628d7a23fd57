/** Resets: what they leave, and that a crash at any call leaves the old log or the new one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { logIndex, replicaId, term } from "../../../base/units.ts";
import { WalDamaged } from "./damage.ts";
import { copyOf, dir, ended, expectOneOf, fixture, segmentBytes } from "./fixture.test-support.ts";
import { check, entry, open, reset, write, writeOf } from "./model.test-support.ts";
import { segmentName } from "./record.ts";
import { listSegments } from "./segments.ts";

test("a reset empties the log behind its base, in turn with the writes around it", async () => {
  const { files, model } = await fixture(1);
  const { wal } = await open(files, dir, segmentBytes);
  const order: string[] = [];
  const hardState = { term: term(70), votedFor: replicaId(2) };
  const behind = (at: number) => [entry(at, 70, 20)];
  wal.write({ entries: [entry(model.lastIndex + 1, 60, 20)] }, () => order.push("before"));
  const done = wal.reset({ index: logIndex(500), term: term(69) }, hardState).then(() => order.push("reset"));
  const entries = behind(501);
  const after = new Promise<void>((resolve) => {
    wal.write({ entries }, () => {
      order.push("after");
      resolve();
    });
  });
  assert.deepEqual(await wal.read(logIndex(1), 100), [], "what is about to go is not read");
  await after;
  await done;
  assert.deepEqual(order, ["before", "reset", "after"]);
  model.reset({ index: logIndex(500), term: term(69) }, hardState);
  model.apply({ entries });
  assert.throws(() => wal.write({ entries: behind(500) }, () => {}), /does not continue/);
  files.losePower();
  const again = await open(files, dir, segmentBytes);
  await check(again.wal, again.recovered, model);
  assert.ok((await listSegments(files, dir)).length <= 3, "what was before is removed");
  await again.wal.close();
});

test("a log is reset again and again, also backwards from its end and with nothing in between", async () => {
  const { files, model } = await fixture(1);
  let { wal } = await open(files, dir, segmentBytes);
  model.committed = model.lastIndex - 10;
  for (const [ahead, count] of [
    [3, 2],
    [0, 0],
    [0, 4],
    [9, 0],
    [40, 8],
    [1, 1],
  ] as const) {
    await reset(wal, model, model.committed + ahead, 80, 1);
    if (count > 0)
      await write(wal, model, { from: model.lastIndex + 1, count, term: 81, bytes: 300, vote: 3 });
    await wal.close();
    const again = await open(files, dir, segmentBytes);
    await check(again.wal, again.recovered, model);
    wal = again.wal;
  }
  await wal.close();
});

test("a crash at any call of a reset leaves the old log or the new one, with a term and vote that were given", async () => {
  const outcomes = { old: 0, new: 0, written: 0 };
  for (let seed = 1; seed <= 2; seed++) {
    const { files, image, model } = await fixture(seed, 22 + seed);
    const base = { index: logIndex(model.lastIndex + 7), term: term(60) };
    const hardState = { term: term(61), votedFor: replicaId(1) };
    const half = copyOf(model);
    half.apply({ hardState, entries: [] });
    const empty = copyOf(model);
    empty.reset(base, hardState);
    const what = writeOf({ from: base.index + 1, count: 1, term: 61, bytes: 900 });
    const written = copyOf(empty);
    written.apply(what);
    for (let calls = 0; ; calls++) {
      files.restore(image);
      const { wal } = await open(files, dir, segmentBytes);
      let told = false;
      const whole = await ended(files, calls, async () => {
        const after = wal.reset(base, hardState).then(() => {
          told = true;
        });
        await new Promise<void>((resolve) => wal.write(what, resolve));
        await after;
      });
      if (seed % 2 === 0) files.losePower();
      else files.die();
      const possible = whole ? [written] : told ? [empty, written] : [model, half, empty, written];
      const found = await expectOneOf(files, possible, `seed ${seed}, call ${calls}`);
      if (found === written) outcomes.written++;
      else if (found === empty) outcomes.new++;
      else outcomes.old++;
      if (whole) break;
    }
  }
  assert.ok(outcomes.old > 10 && outcomes.new > 5 && outcomes.written >= 2, JSON.stringify(outcomes));
});

test("groups that a reset proved durable are not cut but damage, so that no vote is lost with them", async () => {
  const { files, model } = await fixture(1);
  const { wal } = await open(files, dir, segmentBytes);
  await reset(wal, model, model.lastIndex + 5, 60, 2);
  await wal.close();
  const number = (await listSegments(files, dir))
    .filter((each) => files.bytes(join(dir, segmentName(each))).some((byte) => byte !== 0))
    .at(-1);
  const bytes = files.bytes(join(dir, segmentName(number ?? 0)));
  const last = bytes.findLastIndex((byte) => byte !== 0);
  bytes[last] = (bytes[last] as number) ^ 1;
  await assert.rejects(open(files, dir, segmentBytes), WalDamaged);
});

test("a log that was reset to a later term than its own has seen that term, and voted for nobody in it", async () => {
  const { files } = await fixture(1);
  const { wal } = await open(files, dir, segmentBytes);
  const base = { index: logIndex(300), term: term(44) };
  await wal.reset(base, { term: term(9), votedFor: replicaId(1) });
  await wal.close();
  const { wal: again, recovered } = await open(files, dir, segmentBytes);
  assert.deepEqual(recovered.hardState, { term: 44, votedFor: undefined });
  await again.close();
});
