import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { present } from "../base/assert.ts";
import { seededRandom } from "../base/random.ts";
import { flipBit, loseDisk, openLogFile, tearLog } from "./log-damage.ts";

const names = ["segment-1.wal", "segment-2.wal", "segment-3.wal"] as const;
/** The last segment is preallocated, and not in use yet. */
const contents: readonly Buffer[] = [
  Buffer.concat([Buffer.alloc(300, 7), Buffer.alloc(212)]),
  Buffer.concat([Buffer.alloc(100, 9), Buffer.alloc(100), Buffer.alloc(100, 3), Buffer.alloc(212)]),
  Buffer.alloc(512),
];

function replica(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "bazaar-damage-"));
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, "log"));
  for (const [i, name] of names.entries()) {
    writeFileSync(join(directory, "log", name), present(contents[i], name));
  }
  writeFileSync(join(directory, "orders.sqlite"), "rows");
  writeFileSync(join(directory, "orders.sqlite-wal"), "more rows");
  return directory;
}

const now = (directory: string): readonly Buffer[] =>
  names.map((name) => readFileSync(join(directory, "log", name)));

function bitsChanged(a: Buffer, b: Buffer): number {
  let bits = 0;
  a.forEach((byte, i) => {
    for (let x = byte ^ b.readUInt8(i); x > 0; x &= x - 1) bits++;
  });
  return bits;
}

test("the log is written to the last file that holds a record", (t) => {
  assert.match(openLogFile(replica(t)), /segment-2\.wal$/);
});

test("one bit of what holds records is flipped, wherever the seed says", (t) => {
  const directory = replica(t);
  let before = contents;
  for (let seed = 0; seed < 50; seed++) {
    flipBit(directory, seededRandom(seed));
    const after = now(directory);
    const changed = after.map((bytes, i) => bitsChanged(bytes, present(before[i], "a segment")));
    assert.deepEqual(changed.toSorted(), [0, 0, 1]);
    before = after;
  }
});

test("the last segment is cut by a few bytes only: further back might look like a log that was never longer", (t) => {
  let deep = 0;
  for (let seed = 0; seed < 50; seed++) {
    const directory = replica(t);
    tearLog(directory, seededRandom(seed));
    const [first, last, spare] = now(directory).map(({ length }) => length);
    assert.equal(spare, 512);
    assert.ok(first === 512 || last === 512, "one file");
    if (last !== 512) assert.ok(last !== undefined && last >= 260 && last < 300, `cut to ${last} of 300`);
    else deep++;
  }
  assert.ok(deep > 0, "earlier segments are cut too, anywhere");
});

test("the whole disk is lost, or the log, or the database", (t) => {
  const left = new Set<string>();
  for (let seed = 0; seed < 30; seed++) {
    const directory = replica(t);
    loseDisk(directory, seededRandom(seed));
    const logs = readdirSync(directory).includes("log") ? readdirSync(join(directory, "log")).length : 0;
    left.add(`${readdirSync(directory).join()} ${logs}`);
  }
  assert.deepEqual([...left].sort(), [" 0", "log 3", "log,orders.sqlite,orders.sqlite-wal 0"]);
});
