/** Torn tails are cut and said so; damage anywhere else is refused, and nothing is touched. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "../../../base/random.ts";
import { CrashFiles } from "./crash-files.ts";
import { WalDamaged } from "./damage.ts";
import { check, entry, identity, LogModel, open, write } from "./model.test-support.ts";
import { segmentHeaderBytes, segmentName } from "./record.ts";
import { WriteAheadLog } from "./write-ahead-log.ts";

const dir = "/wal";
const segmentBytes = 2_048;

interface Fixture {
  readonly files: CrashFiles;
  readonly image: Map<string, Uint8Array>;
  /** The log without its last group, and with it. */
  readonly before: LogModel;
  readonly whole: LogModel;
  /** The segment of the last group, and where in it the group is. */
  readonly last: { readonly path: string; readonly name: string; readonly from: number; readonly to: number };
}

/** A log of `groups` groups of 300 bytes or so, each of several entries. */
async function fixture(groups: number): Promise<Fixture> {
  const files = new CrashFiles(seededRandom(1));
  await WriteAheadLog.format(dir, identity, { files, segmentBytes });
  const { wal } = await open(files, dir, segmentBytes);
  const before = new LogModel();
  const step = (i: number) => ({
    from: 3 * i + 1,
    count: 3,
    term: 1 + (i >> 2),
    bytes: 80,
    ...(i === 0 && { vote: 3 }),
  });
  for (let i = 0; i < groups - 1; i++) await write(wal, before, step(i));
  const old = wal.stats;
  const whole = Object.assign(new LogModel(), before);
  await write(wal, whole, step(groups - 1));
  const length = wal.stats.bytes - old.bytes;
  await wal.close();
  const name = segmentName(wal.stats.segments);
  const path = join(dir, name);
  const bytes = files.bytes(path);
  const to = Math.ceil((bytes.findLastIndex((byte) => byte !== 0) + 1) / 8) * 8;
  return { files, image: files.image(), before, whole, last: { path, name, from: to - length, to } };
}

/** That the log opens without its last group, says that it cut, still says so later, and goes on. */
async function expectCut(given: Fixture, from: number): Promise<void> {
  const { files, before, last } = given;
  const first = await open(files, dir, segmentBytes);
  await check(first.wal, first.recovered, before);
  assert.equal(first.recovered.cut?.segment, last.name);
  assert.equal(first.recovered.cut?.offset, from);
  const model = Object.assign(new LogModel(), before);
  const next = { from: before.entries.length + 1, count: 1, term: 9, bytes: 5, vote: 2 };
  await write(first.wal, model, next);
  files.losePower();
  const second = await open(files, dir, segmentBytes);
  await check(second.wal, second.recovered, model);
  assert.deepEqual(second.recovered.cut, first.recovered.cut);
  await second.wal.forgetCut();
  files.losePower();
  const third = await open(files, dir, segmentBytes);
  await check(third.wal, third.recovered, model);
  assert.equal(third.recovered.cut, undefined);
  await third.wal.close();
}

async function expectDamage(files: CrashFiles, what: string): Promise<WalDamaged> {
  const image = files.image();
  let found: unknown;
  await open(files, dir, segmentBytes).catch((error) => {
    found = error;
  });
  assert.ok(found instanceof WalDamaged, `${what}: ${found}`);
  assert.deepEqual(files.image(), image, `${what}: nothing was changed`);
  return found;
}

function zero(files: CrashFiles, path: string, from: number, to: number): void {
  files.bytes(path).fill(0, from, to);
}

test("a cut takes entries, never the term or the vote: those stand twice", async () => {
  const given = await fixture(4);
  const { files, whole } = given;
  const { wal } = await open(files, dir, segmentBytes);
  await write(wal, whole, { from: whole.entries.length + 1, count: 0, term: 7, bytes: 0, vote: 2 });
  await wal.close();
  const bytes = files.bytes(given.last.path);
  const last = bytes.findLastIndex((byte) => byte !== 0);
  bytes[last] = (bytes[last] as number) ^ 1;
  const opened = await open(files, dir, segmentBytes);
  assert.ok(opened.recovered.cut !== undefined);
  await check(opened.wal, opened.recovered, whole);
  assert.deepEqual(opened.recovered.hardState, { term: 7, votedFor: 2 });
  await opened.wal.close();
});

test("a log that ends where it was written to the last byte is not cut", async () => {
  const { files, whole } = await fixture(4);
  const { wal, recovered } = await open(files, dir, segmentBytes);
  await check(wal, recovered, whole);
  assert.equal(recovered.cut, undefined);
  await wal.close();
});

test("a tail that was torn off 1 to 40 bytes before its end, or in its header, is cut and reported", async () => {
  const given = await fixture(4);
  const { files, image, last } = given;
  const places = [
    ...Array.from({ length: 40 }, (_, i) => last.to - 1 - i),
    ...Array.from({ length: 48 }, (_, i) => last.from + 1 + i),
  ];
  let cuts = 0;
  for (const at of places) {
    files.restore(image);
    if (
      files
        .bytes(last.path)
        .subarray(at, last.to)
        .every((byte) => byte === 0)
    )
      continue;
    zero(files, last.path, at, last.to);
    await expectCut(given, last.from);
    cuts++;
  }
  assert.ok(cuts > 70, `${cuts} of the places were torn`);
});

test("a last group of which any sector is missing is cut, also when it began a segment", async () => {
  for (const groups of [4, 5, 6, 7]) {
    const given = await fixture(groups);
    const { files, image, last } = given;
    const begins = last.from === segmentHeaderBytes;
    for (let sector = Math.floor(last.from / 512); sector * 512 < last.to; sector++) {
      files.restore(image);
      zero(files, last.path, Math.max(begins ? 0 : last.from, sector * 512), (sector + 1) * 512);
      if (
        files
          .bytes(last.path)
          .subarray(last.from)
          .every((byte) => byte === 0)
      )
        continue;
      await expectCut(given, begins && sector === 0 ? 0 : last.from);
    }
  }
});

test("a last group that never reached the disk is no cut", async () => {
  const { files, before, last } = await fixture(4);
  zero(files, last.path, last.from, last.to);
  const { wal, recovered } = await open(files, dir, segmentBytes);
  await check(wal, recovered, before);
  assert.equal(recovered.cut, undefined);
  await wal.close();
});

test("a bit that flipped in the last group is a cut", async () => {
  const given = await fixture(4);
  const { files, image, last } = given;
  for (let at = last.from; at < last.to; at += 5) {
    files.restore(image);
    const bytes = files.bytes(last.path);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    await expectCut(given, last.from);
  }
});

test("a bit that flipped anywhere before the last group is damage, and nothing is changed", async () => {
  const { files, image, last } = await fixture(13);
  const segments = [...image.keys()].filter((path) => path.endsWith(".wal")).sort();
  assert.ok(segments.length >= 3);
  let flips = 0;
  for (const path of segments) {
    if (path > last.path) continue;
    const used = image.get(path)?.findLastIndex((byte) => byte !== 0) ?? 0;
    const end = path === last.path ? last.from : used + 1;
    for (let at = 0; at < end; at += 7) {
      files.restore(image);
      const bytes = files.bytes(path);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
      const damage = await expectDamage(files, `${path} at ${at}`);
      assert.ok(damage.offset <= at || damage.segment !== path.slice(dir.length + 1), "it says where");
      flips++;
    }
  }
  assert.ok(flips > 300, `${flips} bits were flipped`);
});

test("a missing, an emptied, a shortened and a foreign segment are damage", async () => {
  const { files, image } = await fixture(16);
  const [first = "", second = "", third = ""] = [...image.keys()]
    .filter((path) => path.endsWith(".wal"))
    .sort();

  for (const path of [first, second]) {
    files.restore(new Map([...image].filter(([name]) => name !== path)));
    await expectDamage(files, `${path} is missing`);
    files.restore(image);
    files.bytes(path).fill(0);
    await expectDamage(files, `${path} is emptied`);
    files.restore(
      new Map([...image].map(([name, bytes]) => [name, name === path ? bytes.slice(0, 900) : bytes])),
    );
    await expectDamage(files, `${path} is shortened`);
    files.restore(new Map([...image, [path, image.get(third) ?? new Uint8Array(0)]]));
    await expectDamage(files, `${path} is another segment`);
  }
  files.restore(new Map([...image].filter(([name]) => !name.endsWith(".wal"))));
  await expectDamage(files, "all segments are missing");
});

test("a format record that does not check is damage", async () => {
  const { files } = await fixture(2);
  const bytes = files.bytes(join(dir, "format.json"));
  bytes[12] = (bytes[12] ?? 0) ^ 1;
  await expectDamage(files, "format.json");
});

test("a read of entries that were damaged since the start fails, and does not return them", async () => {
  const { files, image } = await fixture(8);
  const { wal } = await open(files, dir, segmentBytes);
  const [first = ""] = [...image.keys()].filter((path) => path.endsWith(".wal")).sort();
  const bytes = files.bytes(first);
  bytes[500] = (bytes[500] ?? 0) ^ 4;
  await assert.rejects(wal.read(entry(1, 1, 0).index, 100_000), WalDamaged);
  await wal.close();
});

test("entries that a client shaped like groups do not turn a torn tail into damage", async () => {
  const donor = await fixture(4);
  const group = donor.files.bytes(donor.last.path).slice(donor.last.from, donor.last.to);
  const files = new CrashFiles(seededRandom(1));
  const other = { ...identity, cluster: "other" };
  await WriteAheadLog.format(dir, other, { files, segmentBytes });
  const { wal } = await open(files, dir, segmentBytes, other);
  const payload = new Uint8Array(group.length + 4);
  payload.set(group, 4);
  await new Promise<void>((resolve) => wal.write({ entries: [{ ...entry(1, 1, 0), payload }] }, resolve));
  await wal.close();
  const bytes = files.bytes(join(dir, segmentName(1)));
  bytes[segmentHeaderBytes + 20] = (bytes[segmentHeaderBytes + 20] ?? 0) ^ 1;
  const { wal: again, recovered } = await open(files, dir, segmentBytes, other);
  assert.equal(recovered.lastIndex, 0);
  assert.notEqual(recovered.cut, undefined);
  await again.close();
});

/** A log whose last group began a segment, and where in the segment before it the group before is. */
async function justRolled(): Promise<{ readonly given: Fixture; readonly previous: Fixture["last"] }> {
  let previous = (await fixture(1)).last;
  for (let groups = 2; ; groups++) {
    const given = await fixture(groups);
    if (given.last.name !== previous.name) return { given, previous };
    previous = given.last;
  }
}

test("a group that is gone from the end of a segment, while the next segment goes on, is damage", async () => {
  const { given, previous } = await justRolled();
  zero(given.files, previous.path, previous.from, previous.to);
  const damage = await expectDamage(given.files, "zeros where a group was");
  assert.deepEqual([damage.segment, damage.offset], [previous.name, previous.from]);
});

test("a broken end of a segment is damage if the next segment was ever written to", async () => {
  const { given, previous } = await justRolled();
  zero(given.files, given.last.path, 0, segmentBytes);
  given.files.bytes(given.last.path)[1_000] = 1;
  zero(given.files, previous.path, previous.to - 40, previous.to);
  await expectDamage(given.files, "a torn group and something in the next segment");
});
