/**
 * One replica's log is damaged while it is down. At its end, as a power cut might: it comes back and is equal. In its
 * middle, as only a failing disk does: it stays out until the operator has put back what was there.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { call } from "./http.test-support.ts";
import { eventually, Market } from "./market.test-support.ts";

interface Damage {
  readonly name: string;
  /** `end`: behind the last byte that is not zero; segments are preallocated. */
  readonly inflict: (path: string, bytes: Buffer, end: number) => void;
}

const damages: readonly Damage[] = [
  {
    name: "garbage behind its last record",
    inflict: (path, bytes, end) => writeFileSync(path, bytes.fill(0xa5, end, end + 100)),
  },
  {
    name: "garbage behind the end of the file",
    inflict: (path, bytes) => writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(777, 0x5a)])),
  },
  {
    name: "a last record that was half written",
    inflict: (path, bytes, end) => writeFileSync(path, bytes.fill(0, end - 20, end)),
  },
  {
    name: "a file cut off within its last record",
    inflict: (path, _bytes, end) => truncateSync(path, end - 5),
  },
];

/** The newest segment that holds records, and where they end. */
function lastRecords(directory: string): { path: string; bytes: Buffer; end: number } {
  const segments = readdirSync(directory)
    .filter((name) => name.endsWith(".wal"))
    .sort()
    .reverse();
  for (const name of segments) {
    const path = join(directory, name);
    const bytes = readFileSync(path);
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end--;
    if (end > 0) return { path, bytes, end };
  }
  throw new Error(`no records in ${directory}`);
}

async function order(market: Market): Promise<void> {
  const { status, body } = await call(`${market.url}/orders`, { body: { name: "FishCo", quantity: 1 } });
  assert.equal(status, 200, body);
}

test("a replica whose log ends in something torn comes back and holds the same state", async (t) => {
  const market = await Market.start();
  t.after(() => market.close());
  for (const { name, inflict } of damages) {
    await t.test(name, async () => {
      for (let i = 0; i < 5; i++) await order(market);
      await market.whole();
      const victim = present((await market.followers())[0], "a follower");
      await market.hold(victim);
      const { path, bytes, end } = lastRecords(market.logDirectory(victim));
      inflict(path, bytes, end);
      for (let i = 0; i < 5; i++) await order(market);
      await market.start(victim);
      await eventually(`${victim} to be up`, async () => {
        const { life } = await market.process(victim);
        assert.notEqual(life, "failed", market.said);
        return life === "ready";
      });
      await market.whole();
      assert.equal(await market.differences("--deep"), "");
    });
  }
});

test("a replica whose log is damaged in its middle fails once, changes nothing, and the others go on", async (t) => {
  const market = await Market.start();
  t.after(() => market.close());
  for (let i = 0; i < 20; i++) await order(market);
  await market.whole();
  const victim = present((await market.followers())[0], "a follower");
  await market.hold(victim);
  const { path, bytes, end } = lastRecords(market.logDirectory(victim));
  const { restarts } = await market.process(victim);
  const damaged = Buffer.from(bytes);
  let at = Math.floor(end / 2);
  // Between records there are zeros that mean nothing.
  while (damaged[at] === 0) at++;
  damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
  writeFileSync(path, damaged);

  await market.run("start", victim);
  await eventually(`${victim} to have failed`, async () => (await market.process(victim)).life === "failed");
  for (let i = 0; i < 5; i++) await order(market);
  const row = await market.process(victim);
  assert.deepEqual([row.life, row.restarts], ["failed", restarts]);
  assert.match(market.said, /log is damaged in .* Do not empty its directory; restore it from a copy/);
  assert.ok(readFileSync(path).equals(damaged), "its log file is unchanged");

  writeFileSync(path, bytes);
  await market.start(victim);
  await market.whole();
  assert.equal(await market.differences("--deep"), "");
});
