/**
 * One replica's log is damaged at its end while it is down, as a power cut might: what does not check there is cut, and
 * the replica comes back and is equal. For damage elsewhere see damaged-log.test.ts.
 */
import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { agree, opened, segmentsOf } from "./recovery.test-support.ts";
import { Timeline } from "./timeline.test-support.ts";

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
    name: "a bit flipped in its last record",
    inflict: (path, bytes, end) => {
      bytes.writeUInt8(bytes.readUInt8(end - 1) ^ 4, end - 1);
      writeFileSync(path, bytes);
    },
  },
  ...[1, 7, 13, 40].map((count) => ({
    name: `a file that ends ${count} bytes before its last record does`,
    inflict: (path: string, _bytes: Buffer, end: number) => truncateSync(path, end - count),
  })),
];

test("a replica whose log ends in something torn comes back and holds the same state", async (t) => {
  const { market, ledger } = await opened(t);
  const timeline = await Timeline.watch(market);
  for (const { name, inflict } of damages) {
    await t.test(name, async () => {
      await ledger.place(5);
      await market.whole();
      const victim = present((await market.followers())[0], "a follower");
      await market.hold(victim);
      const { path, bytes, end } = present(segmentsOf(market.logDirectory(victim)).at(-1), "a segment");
      inflict(path, bytes, end);
      await ledger.place(5);
      const cut = timeline.next(victim, "tail-cut");
      await market.start(victim);
      assert.ok((await cut).bytes > 0);
      await agree(market, ledger);
    });
  }
  assert.doesNotMatch(market.said, /recovers its log/);
});
