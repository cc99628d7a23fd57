import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { itemId, type Position, position } from "../base/units.ts";
import type { ItemRow } from "../market/rows.ts";
import { type Content, ReplyCache, type Subject } from "./cache.ts";

function rowOf(id: number, changed: number, topic?: string): ItemRow {
  const row = {
    id: itemId(id),
    name: `Item${id}`,
    priceMinor: 100,
    quantity: changed,
    volume: 0,
    supplied: 0,
    changed: position(changed),
  };
  return topic === undefined ? row : { ...row, topic };
}

function content(at: number, ...rows: readonly ItemRow[]): Content {
  return { position: position(at), rows, more: false };
}

function opened(entries = 10, start = 10): ReplyCache<string> {
  const cache = new ReplyCache<string>(entries, (subject) => [`/${subject}`, `/api/${subject}`]);
  cache.begin(position(start));
  return cache;
}

const items = (...ids: readonly number[]) => ({ kind: "items", items: ids.map(itemId) }) as const;
const lists = (...ids: readonly number[]) => ({ kind: "lists", items: ids.map(itemId) }) as const;
const all = { kind: "all" } as const;

/** Whether it was kept. */
function fill(cache: ReplyCache<string>, subject: Subject, what: Content): boolean {
  return cache.fill(cache.session, subject, what);
}

describe("the cache", () => {
  test("keeps what is as new as the session's start, and nothing older", () => {
    const cache = opened();
    assert.equal(fill(cache, 1, content(9, rowOf(1, 3))), false);
    assert.equal(fill(cache, 1, content(10, rowOf(1, 3))), true);
    assert.equal(cache.find(1)?.content?.rows[0]?.quantity, 3);
  });

  test("finds an item by its id and by any spelling once it has seen it, also when it was dropped since", () => {
    const cache = opened();
    assert.equal(cache.subjectOf({ kind: "name", name: "ITEM1" }), undefined);
    assert.equal(cache.subjectOf({ kind: "id", id: 1 }), undefined);
    fill(cache, 1, content(10, rowOf(1, 3)));
    cache.invalidate(position(11), items(1));
    cache.begin(position(11));
    assert.equal(cache.subjectOf({ kind: "name", name: "iTEM1" }), 1);
    assert.equal(cache.subjectOf({ kind: "id", id: 1 }), 1);
  });

  test("asks for an item that was added in this session at a state that has it", () => {
    const cache = opened();
    cache.invalidate(position(12), lists());
    fill(cache, 5, content(14, rowOf(5, 12)));
    assert.equal(cache.floorOf(5), 12);
    cache.invalidate(position(15), items(5));
    assert.equal(cache.floorOf(5), 15);
  });

  test("is found by its exact spellings, and by none once it has gone", () => {
    const cache = opened(1);
    fill(cache, 1, content(10, rowOf(1, 3)));
    assert.equal(cache.spelled("/1"), cache.find(1));
    assert.equal(cache.spelled("/api/1"), cache.find(1));
    fill(cache, 2, content(10, rowOf(2, 3)));
    assert.equal(cache.spelled("/1"), undefined);
    assert.ok(cache.spelled("/2"));
    cache.clear();
    assert.equal(cache.spelled("/2"), undefined);
  });

  test("drops touched items, and every page that holds one, and their ready replies", () => {
    const cache = opened();
    for (const id of [1, 2]) fill(cache, id, content(10, rowOf(id, 3)));
    fill(cache, "", content(10, rowOf(1, 3), rowOf(2, 3)));
    fill(cache, "ds", content(10, rowOf(2, 3)));
    const slot = cache.find(1);
    assert.ok(slot);
    slot.ready = "ready";
    cache.invalidate(position(12), items(1));
    assert.deepEqual(
      [1, 2, "", "ds"].map((subject) => cache.find(subject) !== undefined),
      [false, true, false, true],
    );
    assert.equal(slot.ready, undefined);
    assert.equal(cache.entries, 2);
    assert.equal(cache.acknowledged, 12);
  });

  test("takes an item back only from a state that has its last invalidation", () => {
    const cache = opened();
    fill(cache, 1, content(10, rowOf(1, 3)));
    cache.invalidate(position(12), items(1));
    assert.equal(cache.floorOf(1), 12);
    assert.equal(fill(cache, 1, content(11, rowOf(1, 3))), false);
    assert.equal(fill(cache, 1, content(12, rowOf(1, 12))), true);
  });

  test("takes a page only from a state that has the last invalidation of each of its items and of the lists", () => {
    const cache = opened();
    cache.invalidate(position(12), items(2));
    assert.equal(fill(cache, "", content(11, rowOf(1, 3), rowOf(2, 3))), false);
    assert.equal(fill(cache, "", content(11, rowOf(1, 3))), true);
    cache.invalidate(position(14), lists());
    assert.equal(cache.find(""), undefined);
    assert.equal(fill(cache, "", content(13, rowOf(1, 3))), false);
    assert.equal(fill(cache, "", content(14, rowOf(1, 3))), true);
    assert.equal(cache.floorOf(""), 14);
    assert.equal(cache.floorOf(1), 10);
  });

  test("drops everything, and takes nothing older, when anything may have changed", () => {
    const cache = opened();
    fill(cache, 1, content(10, rowOf(1, 3)));
    fill(cache, "", content(10, rowOf(1, 3)));
    cache.invalidate(position(15), all);
    assert.equal(cache.entries, 0);
    assert.equal(fill(cache, 1, content(14, rowOf(1, 3))), false);
    assert.equal(fill(cache, "", content(14, rowOf(1, 3))), false);
    assert.equal(fill(cache, 1, content(15, rowOf(1, 3))), true);
  });

  test("keeps nothing that was asked for in a session that is over", () => {
    const cache = opened();
    const { session } = cache;
    cache.clear();
    cache.begin(position(10));
    assert.equal(cache.fill(session, 1, content(20, rowOf(1, 3))), false);
  });

  test("never keeps that there is nothing", () => {
    const cache = opened();
    assert.equal(fill(cache, 1, content(20)), false);
    assert.equal(fill(cache, "ds", content(20)), false);
  });

  test("is refilled by a push where there is interest, and only by one that is new enough", () => {
    const cache = opened();
    fill(cache, 1, content(10, rowOf(1, 3)));
    cache.invalidate(position(12), items(1, 2));
    cache.invalidate(position(13), items(1));
    assert.equal(cache.awaitsChange(1), true);
    cache.changed(position(12), [rowOf(1, 12), rowOf(2, 12)]);
    assert.equal(cache.find(1), undefined);
    assert.equal(cache.find(2), undefined, "nobody asked for it");
    assert.equal(cache.awaitsChange(1), true);
    cache.changed(position(13), [rowOf(1, 13)]);
    assert.equal(cache.find(1)?.content?.rows[0]?.quantity, 13);
    assert.equal(cache.awaitsChange(1), false);
  });

  test("is not set back by an answer that a newer one overtook", () => {
    const cache = opened();
    fill(cache, 1, content(20, rowOf(1, 3)));
    assert.equal(fill(cache, 1, content(12, rowOf(1, 3))), true);
    assert.equal(cache.find(1)?.content?.position, 20);
  });

  test("lets what was used longest ago go for what is new, and counts it if it was a reply", () => {
    const cache = opened(2);
    fill(cache, 1, content(10, rowOf(1, 3)));
    fill(cache, 2, content(10, rowOf(2, 3)));
    const one = cache.find(1);
    assert.ok(one);
    cache.touch(one);
    fill(cache, 3, content(10, rowOf(3, 3)));
    assert.ok(cache.find(1));
    assert.equal(cache.find(2), undefined);
    assert.equal(cache.evictions, 1);
    cache.invalidate(position(11), items(1));
    fill(cache, 2, content(11, rowOf(2, 3)));
    fill(cache, 4, content(11, rowOf(4, 3)));
    assert.equal(cache.entries, 2);
    assert.equal(cache.evictions, 2);
  });
});

const ids = [1, 2, 3, 4, 5];
const topicOf = (id: number): string => (id % 2 === 0 ? "even" : "odd");

test("whatever is invalidated, pushed and filled, in any order, nothing older than its last invalidation is kept, and no more than the bound", () => {
  const some = fc.subarray(ids, { minLength: 1 });
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("entry" as const), touched: some, changed: some }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("lists" as const), touched: some }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("all" as const) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant("push" as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("fill" as const),
        subject: fc.constantFrom<Subject>(...ids, "", "even", "odd"),
        back: fc.nat(3),
        early: fc.nat(9),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("session" as const) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (course, bound) => {
      const cache = opened(bound, 0);
      /** Of each item, the positions at which it was changed; of each entry, what it changed. */
      const history = new Map(ids.map((id) => [id, [0]]));
      const log: { readonly at: number; readonly changed: readonly number[] }[] = [];
      let at = 0;
      let pushed = 0;
      let sessions = [cache.session];
      const rowAt = (id: number, when: number): ItemRow =>
        rowOf(id, history.get(id)?.findLast((changed) => changed <= when) ?? 0, topicOf(id));
      const stateAt = (subject: Subject, when: number): Content => {
        const on = ids.filter((id) => id === subject || subject === "" || topicOf(id) === subject);
        return content(when, ...on.map((id) => rowAt(id, when)));
      };
      const append = (changed: readonly number[]): Position => {
        at += 2;
        for (const id of changed) history.get(id)?.push(at);
        log.push({ at, changed });
        return position(at);
      };
      for (const one of course) {
        switch (one.kind) {
          case "entry": {
            const changed = one.changed.filter((id) => one.touched.includes(id));
            cache.invalidate(append(changed), items(...one.touched));
            break;
          }
          case "lists":
            cache.invalidate(append(one.touched), lists(...one.touched));
            break;
          case "all":
            cache.invalidate(append(ids), all);
            break;
          case "push": {
            const entry = log[pushed];
            if (entry === undefined) break;
            pushed++;
            cache.changed(
              position(entry.at),
              entry.changed.map((id) => rowAt(id, entry.at)),
            );
            break;
          }
          case "fill": {
            // From a state of some time ago, asked for in this session or in an earlier one.
            const session = sessions[Math.max(0, sessions.length - 1 - (one.early === 0 ? 1 : 0))] as number;
            cache.fill(session, one.subject, stateAt(one.subject, Math.max(0, at - one.back)));
            break;
          }
          case "session":
            cache.clear();
            cache.begin(position(at));
            sessions = [...sessions, cache.session];
            break;
        }
        let entries = 0;
        for (const subject of [...ids, "", "even", "odd"]) {
          const kept = cache.find(subject)?.content;
          if (kept === undefined) continue;
          entries++;
          assert.deepEqual(kept.rows, stateAt(subject, at).rows, `${subject} at ${at}`);
        }
        assert.equal(cache.entries, entries);
        assert.ok(entries <= bound);
      }
    }),
    { numRuns: 1_000 },
  );
});
