/** The end of one replica's log is damaged while it is down, as a power cut might: it comes back and is equal. */
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

test("a replica whose log ends in something torn comes back and holds the same state", async (t) => {
  const market = await Market.start();
  t.after(() => market.close());
  const order = async (): Promise<void> => {
    const { status, body } = await call(`${market.url}/orders`, { body: { name: "FishCo", quantity: 1 } });
    assert.equal(status, 200, body);
  };
  for (const { name, inflict } of damages) {
    await t.test(name, async () => {
      for (let i = 0; i < 5; i++) await order();
      await market.whole();
      const victim = present((await market.followers())[0], "a follower");
      await market.hold(victim);
      const { path, bytes, end } = lastRecords(market.logDirectory(victim));
      inflict(path, bytes, end);
      for (let i = 0; i < 5; i++) await order();
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
