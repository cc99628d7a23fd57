/**
 * A bit flips in the middle of one replica's log, as only a failing disk does it: what it hit may have been promised, so
 * nothing is cut. The log is set aside as it is, and the replica recovers from the others.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { agree, opened, type Segment, segmentsOf, shortLog } from "./recovery.test-support.ts";
import { Timeline } from "./timeline.test-support.ts";

/** Invert a bit of the first byte from `from` on that means something: between records there are zeros. Returns the file. */
function flipBit({ path, bytes }: Segment, from: number): Buffer {
  const damaged = Buffer.from(bytes);
  let at = from;
  while (damaged[at] === 0) at++;
  damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
  writeFileSync(path, damaged);
  return damaged;
}

const places: readonly {
  readonly name: string;
  readonly choose: (segments: readonly Segment[]) => Segment | undefined;
}[] = [
  { name: "in a segment that is not the last", choose: (segments) => segments.at(-2) },
  { name: "in the last segment, before its last record", choose: (segments) => segments.at(-1) },
];

test("a replica with a flipped bit in the middle of its log keeps it for people and recovers from the others", async (t) => {
  const { market, ledger } = await opened(t, { logSegment: shortLog.logSegment });
  const timeline = await Timeline.watch(market);
  for (const [i, { name, choose }] of places.entries()) {
    await t.test(name, async () => {
      for (let j = 0; j < 6; j++) await ledger.place(100, { wide: true });
      for (let j = 0; j < 5; j++) await ledger.place(1);
      await market.whole();
      const victim = present((await market.followers())[0], "a follower");
      await market.hold(victim);
      const directory = market.logDirectory(victim);
      const segment = present(choose(segmentsOf(directory)), "a segment");
      const damaged = flipBit(segment, Math.floor(segment.end / 2));
      await ledger.place(5);
      const lost = timeline.next(victim, "recovery-started");
      const recovered = timeline.next(victim, "recovery-finished");
      await market.start(victim);

      const { what, reason } = await lost;
      assert.equal(what, "log");
      assert.match(reason, /^The write-ahead log is damaged in segment-/);
      assert.equal((await recovered).what, "log");
      const aside = join(`${directory}.set-aside-${i + 1}`, basename(segment.path));
      assert.ok(readFileSync(aside).equals(damaged), "what was damaged is kept as it was");
      await agree(market, ledger);
    });
  }
});
