import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import { firstIncarnation, nextIncarnation, seedIncarnation } from "./incarnation.ts";
import { CrashFiles } from "./wal/crash-files.ts";
import { WalDamaged } from "./wal/damage.ts";

const directory = "/replica";

test("every life has a higher number than all before it, wherever they died and whatever the disk lost", async () => {
  let deaths = 0;
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const files = new CrashFiles(random);
    await firstIncarnation(directory, files);
    let last = 0;
    for (let life = 1; life <= 12; life++) {
      const died = files.dieAfter(Math.floor(random() * 14));
      const next = await Promise.race([nextIncarnation(directory, files), died]);
      if (next === undefined) deaths++;
      else {
        assert.ok(next > last, `seed ${seed}: ${next} after ${last}`);
        last = next;
      }
      if (random() < 0.5) files.losePower();
      else files.die();
    }
  }
  assert.ok(deaths > 50, `${deaths} lives ended before they had their number`);
});

test("a number that was damaged is no number: it is not counted anew from one", async () => {
  const files = new CrashFiles(seededRandom(1));
  await firstIncarnation(directory, files);
  await nextIncarnation(directory, files);
  const bytes = files.bytes(`${directory}/incarnation`);
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  await assert.rejects(nextIncarnation(directory, files), WalDamaged);
});

test("a replica that lost its number goes on from the wall clock, behind the number that it has after all", async () => {
  const files = new CrashFiles(seededRandom(1));
  await seedIncarnation(directory, files, 5_000.7);
  assert.equal(await nextIncarnation(directory, files), 5_000);
  assert.equal(await nextIncarnation(directory, files), 5_001);
  await seedIncarnation(directory, files, 17);
  assert.equal(await nextIncarnation(directory, files), 5_002);
  const bytes = files.bytes(`${directory}/incarnation`);
  bytes[5] = (bytes[5] ?? 0) ^ 1;
  await seedIncarnation(directory, files, 9_000);
  assert.equal(await nextIncarnation(directory, files), 9_000);
  await seedIncarnation("/another", files, -3);
  assert.equal(await nextIncarnation("/another", files), 1);
});

test("a number that is missing is not counted anew from one: peers would hear nothing of it", async () => {
  await assert.rejects(nextIncarnation(directory, new CrashFiles(seededRandom(1))), WalDamaged);
});
