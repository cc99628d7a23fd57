import assert from "node:assert/strict";
import { test } from "node:test";
import { integerBetween, seededRandom } from "../base/random.ts";
import { replicaId, term } from "../base/units.ts";
import { markBehind, markedBehind } from "../log/embedded/behind.ts";
import { readVote, writeVote } from "../log/embedded/vote-record.ts";
import { WalDamaged } from "../log/embedded/wal/damage.ts";
import { synced, type WalFile, written } from "../log/embedded/wal/files.ts";
import { entry, identity } from "../log/embedded/wal/model.test-support.ts";
import { WriteAheadLog } from "../log/embedded/wal/write-ahead-log.ts";
import { SimDisk } from "./disk.ts";
import { VirtualTime } from "./virtual-time.test-support.ts";

const dir = "/order-1/log";
const segmentBytes = 8_192;

class Machine {
  readonly time = new VirtualTime();
  readonly disk: SimDisk;
  readonly failures: Error[] = [];

  constructor(seed: number) {
    const { after, worldAfter } = this.time;
    this.disk = new SimDisk({ random: seededRandom(seed), after, worldAfter });
  }

  get files() {
    return this.disk.files;
  }

  async format(): Promise<void> {
    await WriteAheadLog.format(dir, identity, { files: this.files, segmentBytes });
  }

  open() {
    return WriteAheadLog.open(dir, identity, {
      files: this.files,
      segmentBytes,
      tailBytes: 1_000,
      onFatal: (error) => this.failures.push(error),
    });
  }

  crash(how: "die" | "losePower"): void {
    this.time.endLife();
    this.disk[how]();
    this.disk.start();
  }

  async file(path: string): Promise<WalFile> {
    return this.files.open(path, "new");
  }
}

/** Writes entries from `first` on, one after the other, until `count` are durable. */
async function fill(wal: WriteAheadLog, first: number, count: number): Promise<void> {
  for (let index = first; index < first + count; index++) {
    await new Promise<void>((resolve) => wal.write({ entries: [entry(index, 1, 200)] }, resolve));
  }
}

async function logOf(machine: Machine, entries: number): Promise<void> {
  await machine.format();
  const { wal } = await machine.open();
  await fill(wal, 1, entries);
  await wal.close();
}

test("what a log acknowledged survives on a simulated disk, whenever its process or its machine ends", async () => {
  let unacknowledged = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const machine = new Machine(seed);
    const random = seededRandom(seed + 1_000);
    await machine.format();
    let acknowledged = 0;
    for (let life = 0; life < 6; life++) {
      const { wal, recovered } = await machine.open();
      assert.ok(
        recovered.lastIndex >= acknowledged,
        `seed ${seed}: ${recovered.lastIndex} of ${acknowledged}`,
      );
      if (recovered.lastIndex > acknowledged) unacknowledged++;
      acknowledged = recovered.lastIndex;
      let isDead = false;
      let next = acknowledged + 1;
      const write = (): void => {
        const index = next++;
        wal.write({ entries: [entry(index, 1, integerBetween(random, 0, 900))] }, () => {
          assert.ok(!isDead, "the dead hear nothing");
          acknowledged = index;
          write();
        });
      };
      write();
      await machine.time.pass(random() * 30);
      isDead = true;
      machine.crash(random() < 0.5 ? "die" : "losePower");
    }
    assert.deepEqual(machine.failures, []);
  }
  assert.ok(unacknowledged > 10, `${unacknowledged} times there was more than had been acknowledged`);
});

test("the same seed makes the same disk: the same times, the same losses", async () => {
  const run = async (seed: number): Promise<string> => {
    const machine = new Machine(seed);
    await logOf(machine, 20);
    const file = await machine.file("/order-1/data");
    for (let at = 0; at < 40; at++) await written(file, new Uint8Array(512).fill(at + 1), at * 512);
    machine.crash("losePower");
    const opened = await machine.files.open(dir.replace("log", "data"), "existing").catch(() => undefined);
    const size = (await opened?.size()) ?? -1;
    const bytes = new Uint8Array(Math.max(0, size));
    await opened?.pread(bytes, 0, bytes.length, 0);
    return `${machine.time.now} ${size} ${bytes.filter((byte) => byte !== 0).length}`;
  };
  const first = await run(7);
  assert.equal(await run(7), first);
  assert.notEqual(await run(8), first);
});

test("a failed sync leaves nothing that a later sync would make durable, and is fatal to the log", async () => {
  let lost = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const machine = new Machine(seed);
    const file = await machine.file("/order-1/data");
    await machine.files.syncDirectory("/order-1");
    await written(file, new Uint8Array([7]), 0);
    machine.disk.failNext("fdatasync");
    await assert.rejects(synced(file), { code: "EIO" });
    await synced(file);
    machine.crash("losePower");
    const again = await machine.files.open("/order-1/data", "existing");
    const byte = new Uint8Array(1);
    await again.pread(byte, 0, 1, 0);
    if (byte[0] !== 7) lost++;
  }
  assert.ok(lost > 2 && lost < 18, `lost in ${lost} of 20`);

  const machine = new Machine(1);
  await logOf(machine, 5);
  const { wal } = await machine.open();
  machine.disk.failNext("fdatasync");
  wal.write({ entries: [entry(6, 1, 10)] }, () => assert.fail("it is not durable"));
  while (machine.failures.length === 0) await machine.time.pass(1);
  // What the next start reports must be durable all the same.
  machine.crash("die");
  const { recovered } = await machine.open();
  machine.crash("losePower");
  assert.equal((await machine.open()).recovered.lastIndex, recovered.lastIndex);
});

test("a disk that hangs answers when it goes on, and a slow one later", async () => {
  const machine = new Machine(3);
  machine.disk.latency.stallChance = 0;
  const file = await machine.file("/data");
  machine.disk.hang(500);
  const begun = machine.time.now;
  await written(file, new Uint8Array(1), 0);
  await synced(file);
  const tookMs = machine.time.now - begun;
  assert.ok(tookMs > 500 && tookMs < 510, `${tookMs} ms`);
  machine.disk.slow(1_000);
  const slowed = machine.time.now;
  await synced(file);
  assert.ok(machine.time.now - slowed >= machine.disk.latency.syncMs * 500);
});

test("a disk that hangs over the end of a process goes on for the next one", async () => {
  const machine = new Machine(3);
  const file = await machine.file("/data");
  machine.disk.hang(100);
  let isDead = false;
  file.fdatasync(() => assert.ok(!isDead, "the dead hear nothing"));
  await machine.time.pass(10);
  isDead = true;
  machine.crash("die");
  const begun = machine.time.now;
  await machine.files.open("/data", "existing");
  assert.ok(machine.time.now >= begun + 90);
  await machine.time.pass(1_000);
});

test("a call to a disk whose process is dead is lost", async () => {
  const machine = new Machine(5);
  machine.disk.die();
  void machine.files.list("/").then(() => assert.fail("nobody asked"));
  await machine.time.pass(1_000);
  machine.disk.start();
  assert.deepEqual(await machine.files.list("/"), []);
});

test("a flipped bit is a cut at the log's end, and damage before it; nothing is flipped where nothing is", async () => {
  const empty = new Machine(1);
  await empty.format();
  assert.equal(empty.disk.flipBit("last-record"), undefined);
  assert.equal(empty.disk.flipBit("middle"), undefined);
  assert.equal(empty.disk.truncate(1), undefined);
  for (let seed = 1; seed <= 20; seed++) {
    const machine = new Machine(seed);
    await logOf(machine, 60);
    const where = seed % 2 === 0 ? "last-record" : "middle";
    const flipped = machine.disk.flipBit(where);
    assert.ok(flipped !== undefined && flipped.at >= flipped.offset && flipped.at < flipped.end);
    if (where === "middle") await assert.rejects(machine.open(), WalDamaged);
    else {
      const { recovered } = await machine.open();
      assert.ok(recovered.cut !== undefined);
      assert.equal(recovered.lastIndex, 59);
    }
  }
});

test("a truncated log has lost its end, and a wiped one all", async () => {
  const machine = new Machine(2);
  await logOf(machine, 10);
  const cut = machine.disk.truncate(5);
  assert.equal(cut?.from, (cut?.to ?? 0) + 5);
  const { wal, recovered } = await machine.open();
  assert.equal(recovered.lastIndex, 9);
  assert.ok(recovered.cut !== undefined);
  await wal.close();
  machine.disk.wipe("/order");
  assert.ok(await WriteAheadLog.isFormatted(dir, machine.files), "that is another directory");
  machine.disk.wipe("/order-1");
  machine.crash("losePower");
  assert.ok(!(await WriteAheadLog.isFormatted(dir, machine.files)));
  assert.deepEqual(await machine.files.list("/"), []);
});

test("a full disk refuses what needs room, and only that", async () => {
  const machine = new Machine(2);
  const file = await machine.file("/data");
  await written(file, new Uint8Array(1_000), 0);
  machine.disk.setFreeBytes(100);
  assert.equal(await machine.files.freeBytes("/data"), 100);
  await written(file, new Uint8Array(1_100), 0);
  await assert.rejects(written(file, new Uint8Array(101), 1_000), { code: "ENOSPC" });
  machine.disk.setFull(false);
  await written(file, new Uint8Array(1_000), 1_000);
});

test("votes and marks are kept on a simulated disk as on a real one", async () => {
  const machine = new Machine(4);
  const vote = { term: term(3), votedFor: replicaId(2) };
  await writeVote(dir, vote, machine.files);
  await markBehind(dir, 7, machine.files);
  machine.crash("losePower");
  assert.deepEqual(await readVote(dir, machine.files), vote);
  assert.equal(await markedBehind(dir, machine.files), 7);
});
