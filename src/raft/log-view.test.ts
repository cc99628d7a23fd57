import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { logLimits } from "../base/limits.ts";
import { logIndex, term } from "../base/units.ts";
import { LogView, wholeLog } from "./log-view.ts";
import type { Entry } from "./message.ts";

function entry(index: number, ofTerm: number, bytes: number): Entry {
  return { index: logIndex(index), term: term(ofTerm), kind: "command", payload: new Uint8Array(bytes) };
}

function heldBytes(entries: readonly Entry[]): number {
  return entries.reduce((sum, each) => sum + each.payload.length + logLimits.entryOverheadBytes, 0);
}

/** Eighths: of all the doubles between 0 and 1 nearly every one is next to nothing. */
const part = fc.nat(8).map((n) => n / 8);

/** Then a part of the log is durable, and is perhaps compacted. */
const after = { durable: part, compacts: fc.nat(3).map((n) => n === 0) };

/** Either entries of a newer or the same term, or a cut at a part of the log. */
const change = fc.oneof(
  fc.record({ newer: fc.nat(2), count: fc.integer({ min: 1, max: 4 }), bytes: fc.nat(99), ...after }),
  fc.record({ cutAt: part, ...after }),
);

test("after any appends, cuts and trims it agrees with a plain list of entries", () => {
  let keptSome = false;
  let droppedSome = false;
  let compactedSome = false;
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), fc.nat(2_000), (changes, tailBytes) => {
      const log = new LogView(wholeLog, [], [], logIndex(0), [], tailBytes);
      let model: Entry[] = [];
      let tailFrom = 1;
      let base = 0;
      for (const each of changes) {
        if ("cutAt" in each) {
          const from = base + 1 + Math.floor(each.cutAt * (model.length - base));
          if (from > model.length) continue;
          log.truncate(logIndex(from));
          model = model.slice(0, from - 1);
        } else {
          const ofTerm = (model.at(-1)?.term ?? 1) + each.newer;
          for (let i = 0; i < each.count; i++) {
            const added = entry(model.length + 1, ofTerm, each.bytes);
            log.append(added);
            model.push(added);
          }
        }
        const durable = base + Math.floor(each.durable * (model.length - base));
        log.trim(logIndex(durable));
        tailFrom = Math.min(tailFrom, model.length + 1);
        while (tailFrom <= durable && heldBytes(model.slice(tailFrom - 1)) > tailBytes) tailFrom++;
        if (each.compacts && durable > base) {
          base = durable;
          log.compact({ index: logIndex(base), term: model[base - 1]?.term ?? term(0) });
          tailFrom = Math.max(tailFrom, base + 1);
        }
        agree(log, model, tailFrom, base);
        if (base > 0) compactedSome = true;
        if (tailFrom <= durable) keptSome = true;
        if (tailFrom > 1) droppedSome = true;
      }
    }),
  );
  assert.ok(keptSome, "some run kept entries that it might have dropped");
  assert.ok(droppedSome, "some run dropped entries");
  assert.ok(compactedSome, "some run compacted the log");
});

/** `base` entries of the model are compacted. */
function agree(log: LogView, model: readonly Entry[], tailFrom: number, base: number): void {
  assert.equal(log.lastIndex, model.length);
  assert.equal(log.lastTerm, model.at(-1)?.term ?? 0);
  for (let i = 0; i <= model.length + 1; i++) {
    const expected = i === 0 ? 0 : model[i - 1]?.term;
    assert.equal(log.termAt(logIndex(i)), i < base ? undefined : expected);
    assert.ok(i > model.length || log.matches(logIndex(i), term(expected ?? 0)));
  }
  assert.equal(log.tailFrom, tailFrom);
  assert.deepEqual(log.slice(log.tailFrom, Number.MAX_SAFE_INTEGER), model.slice(tailFrom - 1));
  if (log.tailFrom > 1) assert.equal(log.slice(logIndex(log.tailFrom - 1), 1), undefined);
  for (let limit = 0; limit <= log.lastTerm + 1; limit++) {
    for (const upTo of [0, Math.ceil(model.length / 2), model.length + 3]) {
      const expected = model.slice(0, upTo).findLast((each) => each.term <= limit)?.index ?? 0;
      const known = expected >= base ? expected : undefined;
      assert.equal(log.lastIndexWithTermAtMost(logIndex(upTo), term(limit)), known);
    }
  }
}

test("what is not durable is kept, however many bytes it has", () => {
  const log = new LogView(wholeLog, [], [], logIndex(0), [], 10);
  for (let i = 1; i <= 5; i++) log.append(entry(i, 1, 10));
  log.trim(logIndex(2));
  assert.equal(log.tailFrom, 3);
});

test("a slice has at least one entry, and no more bytes than asked for", () => {
  const log = new LogView(wholeLog, [], [], logIndex(0), [], 1_000);
  for (let i = 1; i <= 5; i++) log.append(entry(i, 1, 10));
  const lengths = [0, 10, 25, 1_000].map((bytes) => log.slice(logIndex(2), bytes)?.length);
  assert.deepEqual(lengths, [1, 1, 2, 4]);
  assert.deepEqual(log.slice(logIndex(6), 10), []);
});
