import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../base/bytes.ts";
import { requestLimits, wireLimits } from "../base/limits.ts";
import { position } from "../base/units.ts";
import { type Answered, type Freshness, type Inquiry, writeQuestions } from "../wire/service.ts";
import { Inquiries, type Whom } from "./inquiries.ts";
import { inquiryLimits } from "./limits.ts";

const item: Inquiry = { kind: "item", item: "FishCo" };
const order: Inquiry = { kind: "order", number: 1 };
const items: Inquiry = { kind: "items", after: 0, limit: 10 };
const orders: Inquiry = { kind: "orders", limit: 10 };
const stale: Freshness = { kind: "stale" };
const latest: Freshness = { kind: "latest" };
const atLeast: Freshness = { kind: "at-least", position: position(9) };
const deadlineMs = 3_000;
const { patienceMs, retryMs } = inquiryLimits;

/** Inquiries with a hand on the clock, and a record of what was sent and found. */
class World {
  readonly inquiries = new Inquiries();
  readonly sent: { readonly link: number; readonly ticket: number }[] = [];
  readonly found: string[] = [];

  constructor(links: readonly number[], leader?: number) {
    this.inquiries.linksChanged(links, leader);
  }

  ask(inquiry: Inquiry, freshness: Freshness, whom: Whom = "replica", untilMs = deadlineMs): void {
    this.inquiries.ask(inquiry, freshness, whom, untilMs, ({ kind }) => this.found.push(kind));
  }

  flush(nowMs: number): void {
    this.inquiries.flush(nowMs, (link, questions) => {
      for (const { ticket } of questions) this.sent.push({ link, ticket });
      return true;
    });
  }

  /** Turns of the clock, as often as a front-end's. */
  pass(fromMs: number, toMs: number): void {
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += 10) {
      this.inquiries.tick(nowMs);
      this.flush(nowMs);
    }
  }
}

function rows(ticket: number): Answered {
  return { kind: "rows", ticket, position: position(1), more: false, rows: new Uint8Array() };
}

describe("a read", () => {
  const silences: readonly (readonly [string, Inquiry, Freshness, number])[] = [
    ["an item", item, stale, 2],
    ["an order", order, stale, 2],
    ["a page of items", items, stale, 1],
    ["a page of orders", orders, stale, 1],
    ["an item at a position", item, atLeast, 2],
    ["a page of orders at a position", orders, atLeast, 2],
  ];
  for (const [what, inquiry, freshness, times] of silences) {
    test(`of ${what} is asked ${times === 1 ? "once" : "twice"} of silent replicas, and given up at its deadline`, () => {
      const world = new World([1, 2, 3]);
      world.ask(inquiry, freshness);
      world.flush(0);
      world.pass(0, deadlineMs - 10);
      assert.equal(world.sent.length, times);
      assert.equal(new Set(world.sent.map(({ link }) => link)).size, times);
      assert.deepEqual(world.found, []);
      world.inquiries.tick(deadlineMs);
      assert.deepEqual(world.found, ["failed"]);
    });
  }

  test("that waits for a position in vain is asked of the leader, and who let it wait only if there is no other", () => {
    for (const inquiry of [order, orders]) {
      const world = new World([1, 2, 3], 2);
      const leads = 2;
      for (let i = 0; i < 3; i++) world.ask(inquiry, atLeast);
      world.flush(0);
      for (const { link, ticket } of world.sent)
        if (link !== 3) world.inquiries.answer(0, link, rows(ticket));
      const waiting = world.sent.find(({ link }) => link === 3);
      world.pass(0, patienceMs);
      assert.deepEqual(world.sent.at(-1), { link: leads, ticket: waiting?.ticket });
      for (let i = 0; i < 4; i++) world.ask(order, stale);
      world.flush(patienceMs);
      assert.ok(world.sent.slice(-4).every(({ link }) => link !== 3));
    }
  });

  test("that waits for a position at a leader that is silent is asked of another", () => {
    const world = new World([1], 1);
    world.ask(order, atLeast);
    world.flush(0);
    world.inquiries.linksChanged([1, 2], 1);
    world.pass(0, patienceMs);
    assert.deepEqual(
      world.sent.map(({ link }) => link),
      [1, 2],
    );
  });

  test("that a replica refuses is asked of another at once, and that one is left alone for a while", () => {
    for (const inquiry of [order, item]) {
      const world = new World([1, 2]);
      world.ask(inquiry, stale);
      world.flush(0);
      const [first] = world.sent;
      assert.ok(first !== undefined);
      world.inquiries.answer(0, first.link, { kind: "failed", ticket: 1, code: "unavailable" });
      for (let i = 0; i < 2; i++) world.ask(inquiry, stale);
      world.flush(0);
      assert.deepEqual(
        world.sent.slice(1).map(({ link }) => link),
        Array.from({ length: 3 }, () => 3 - first.link),
      );
    }
  });

  test("that two replicas were asked takes the answer of either", () => {
    const world = new World([1, 2]);
    world.ask(order, stale);
    world.flush(0);
    world.pass(10, patienceMs);
    const [first, second] = world.sent;
    assert.ok(first !== undefined && second !== undefined && first.link !== second.link);
    world.inquiries.answer(patienceMs, first.link, rows(first.ticket));
    world.inquiries.answer(patienceMs, second.link, rows(second.ticket));
    assert.deepEqual(world.found, ["rows"]);
  });

  test("is kept from a replica that let a page wait, until it answers", () => {
    const world = new World([1, 2]);
    world.ask(orders, stale);
    world.flush(0);
    world.pass(10, patienceMs);
    const [slow] = world.sent;
    assert.ok(slow !== undefined);
    const links = (count: number): Set<number> => {
      for (let i = 0; i < count; i++) world.ask(item, stale);
      const before = world.sent.length;
      world.flush(patienceMs);
      return new Set(world.sent.slice(before).map(({ link }) => link));
    };
    assert.deepEqual(links(4), new Set([3 - slow.link]));
    world.inquiries.answer(patienceMs, slow.link, rows(slow.ticket));
    assert.deepEqual(links(4), new Set([1, 2]));
  });

  test("for the leader rests while nobody leads, and is asked once somebody does", () => {
    const world = new World([1, 2]);
    world.ask(item, latest, "leader");
    world.flush(0);
    for (let nowMs = 0; nowMs < 10 * retryMs; nowMs += 10) {
      world.inquiries.tick(nowMs);
      assert.equal(world.inquiries.wantsFlush, false, "something was done about it");
    }
    world.inquiries.linksChanged([1, 2], 2);
    world.flush(10 * retryMs);
    assert.deepEqual(world.sent, [{ link: 2, ticket: 1 }]);
  });

  test("that could not be answered is asked again, but not at once", () => {
    const world = new World([1], 1);
    world.ask(item, latest, "leader");
    world.flush(0);
    world.inquiries.answer(0, 1, { kind: "failed", ticket: 1, code: "not-leader" });
    world.pass(0, retryMs - 10);
    assert.equal(world.sent.length, 1);
    world.pass(retryMs, retryMs);
    assert.equal(world.sent.length, 2);
  });

  test("is given up at its own deadline, though earlier ones have later deadlines", () => {
    const world = new World([1], 1);
    world.ask(item, latest, "leader", 3_000);
    world.ask(item, latest, "leader", 1_000);
    world.flush(0);
    world.inquiries.tick(1_000);
    assert.deepEqual(world.found, ["failed"]);
    assert.equal(world.inquiries.size, 1);
  });
});

describe("a read that catalogs may answer", () => {
  const { restMs } = inquiryLimits;

  /** Replicas 1 and 2, catalogs 11 and 12. */
  function both(): World {
    const world = new World([1, 2], 1);
    world.inquiries.catalogsChanged([11, 12]);
    return world;
  }
  const linksOf = ({ sent }: World): number[] => sent.map(({ link }) => link);

  test("goes to each of them in turn, and to no replica", () => {
    const world = both();
    for (let i = 0; i < 4; i++) world.ask(items, atLeast, "catalog");
    world.flush(0);
    assert.deepEqual(linksOf(world), [11, 11, 12, 12]);
  });

  test("goes to a replica when none is connected, and says who answered", () => {
    const world = new World([1], 1);
    const by: boolean[] = [];
    const ask = (): void =>
      world.inquiries.ask(item, atLeast, "catalog", deadlineMs, (_, catalog) => by.push(catalog));
    ask();
    world.flush(0);
    world.inquiries.answer(0, 1, rows(1));
    world.inquiries.catalogsChanged([11]);
    ask();
    world.flush(0);
    world.inquiries.answer(0, 11, rows(2));
    assert.deepEqual(linksOf(world), [1, 11]);
    assert.deepEqual(by, [false, true]);
  });

  test("is asked of the next one at once when one cannot answer, which then rests", () => {
    const world = both();
    world.ask(item, atLeast, "catalog");
    world.flush(0);
    world.inquiries.answer(0, 11, { kind: "failed", ticket: 1, code: "unavailable" });
    world.flush(0);
    for (let i = 0; i < 2; i++) world.ask(item, atLeast, "catalog");
    world.flush(restMs - 1);
    assert.deepEqual(linksOf(world), [11, 12, 12, 12]);
    for (let i = 0; i < 2; i++) world.ask(item, atLeast, "catalog");
    world.flush(restMs);
    assert.deepEqual(new Set(linksOf(world).slice(4)), new Set([11, 12]));
  });

  test("does not ask who refuses again and again without a pause", () => {
    const world = new World([], undefined);
    world.inquiries.catalogsChanged([11]);
    world.ask(item, atLeast, "catalog");
    for (let nowMs = 0; nowMs < retryMs; nowMs += 5) {
      world.inquiries.tick(nowMs);
      world.flush(nowMs);
      if (world.sent.length > 0)
        world.inquiries.answer(nowMs, 11, { kind: "failed", ticket: 1, code: "unavailable" });
    }
    assert.ok(world.sent.length <= inquiryLimits.catalogMoves + 1);
  });

  test("is moved on from those that are silent, lists too, and comes to a replica", () => {
    for (const inquiry of [item, items]) {
      const world = both();
      world.ask(inquiry, atLeast, "catalog");
      world.flush(0);
      world.pass(0, 3 * patienceMs);
      assert.equal(world.sent.length, 3);
      assert.deepEqual(new Set(linksOf(world).slice(0, 2)), new Set([11, 12]));
      assert.ok([1, 2].includes(linksOf(world)[2] ?? 0));
      world.pass(3 * patienceMs, deadlineMs - 10);
      assert.equal(world.sent.length, 3, "it waits where it is");
    }
  });

  test("is asked again when the catalog's connection ends", () => {
    const world = both();
    world.ask(item, atLeast, "catalog");
    world.flush(0);
    const [first] = linksOf(world);
    world.inquiries.catalogsChanged([11, 12].filter((link) => link !== first));
    world.flush(0);
    assert.equal(world.sent.length, 2);
    world.inquiries.catalogsChanged([]);
    world.flush(0);
    assert.ok([1, 2].includes(linksOf(world)[2] ?? 0));
  });
});

test("however many reads there are and however long, each frame of them is about a mebibyte at most", () => {
  const inquiries = new Inquiries();
  inquiries.linksChanged([1, 2], 1);
  const text = "💶".repeat(requestLimits.nameCodePoints);
  const largest: Inquiry = {
    kind: "orders",
    item: text,
    customer: text,
    reference: text,
    after: Number.MAX_SAFE_INTEGER,
    before: Number.MAX_SAFE_INTEGER,
    limit: requestLimits.pageMax,
  };
  for (let i = 0; i < inquiryLimits.pending; i++)
    inquiries.ask(largest, latest, "leader", deadlineMs, () => {});
  let questionsSent = 0;
  inquiries.flush(0, (link, questions) => {
    const body = new ByteWriter();
    writeQuestions(body, questions);
    assert.equal(link, 1);
    assert.ok(body.length <= 1024 * 1024, `${body.length} bytes`);
    assert.ok(body.length < wireLimits.frameBytes);
    questionsSent += questions.length;
    return true;
  });
  assert.equal(questionsSent, inquiryLimits.pending);
});

/** What may happen to reads; times go forward. */
const happening = fc.oneof(
  fc.record({
    kind: fc.constant("ask" as const),
    inquiry: fc.constantFrom(item, order, items, orders),
    freshness: fc.constantFrom(stale, latest, atLeast),
    whom: fc.constantFrom<Whom>("leader", "replica", "catalog"),
    forMs: fc.integer({ min: 0, max: 4_000 }),
  }),
  fc.record({ kind: fc.constant("flush" as const), takes: fc.boolean() }),
  fc.record({
    kind: fc.constant("links" as const),
    links: fc.subarray([1, 2, 3]),
    leader: fc.option(fc.nat(2), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("catalogs" as const), catalogs: fc.subarray([11, 12]) }),
  fc.record({ kind: fc.constant("answer" as const), pick: fc.nat(), fails: fc.boolean() }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 1_500 }) }),
);

test("whatever happens, every read is answered once, by its deadline, and the leader's only by a leader", () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 80 }), (course) => {
      const inquiries = new Inquiries();
      let nowMs = 0;
      let links: readonly number[] = [];
      let leader: number | undefined;
      let catalogs: readonly number[] = [];
      const whom = new Map<number, Whom>();
      const attempts: { readonly ticket: number; readonly link: number }[] = [];
      const asked: { readonly deadlineMs: number; answers: number }[] = [];
      const tick = (): void => {
        inquiries.tick(nowMs);
        for (const read of asked) if (read.deadlineMs <= nowMs) assert.equal(read.answers, 1);
      };
      for (const step of course) {
        switch (step.kind) {
          case "ask": {
            const read = { deadlineMs: nowMs + step.forMs, answers: 0 };
            asked.push(read);
            whom.set(asked.length, step.whom);
            inquiries.ask(step.inquiry, step.freshness, step.whom, read.deadlineMs, () => {
              read.answers++;
            });
            break;
          }
          case "flush":
            inquiries.flush(nowMs, (link, questions) => {
              assert.ok([...links, ...catalogs].includes(link), "sent to a link that is gone");
              for (const { ticket } of questions) {
                if (whom.get(ticket) === "leader") assert.equal(link, leader);
                else if (whom.get(ticket) === "replica") assert.ok(links.includes(link));
                assert.equal(asked[ticket - 1]?.answers, 0, "sent after it was answered");
                if (step.takes) attempts.push({ ticket, link });
              }
              return step.takes;
            });
            break;
          case "links":
            links = step.links;
            leader = step.leader === undefined ? undefined : links[step.leader];
            inquiries.linksChanged(links, leader);
            break;
          case "catalogs":
            catalogs = step.catalogs;
            inquiries.catalogsChanged(catalogs);
            break;
          case "answer": {
            const [attempt] = attempts.splice(step.pick % Math.max(1, attempts.length), 1);
            if (attempt === undefined) break;
            const { ticket, link } = attempt;
            inquiries.answer(
              nowMs,
              link,
              step.fails ? { kind: "failed", ticket, code: "unavailable" } : rows(ticket),
            );
            break;
          }
          case "wait":
            nowMs += step.ms;
            tick();
            break;
        }
        for (const { answers } of asked) assert.ok(answers <= 1);
      }
      nowMs += 4_000;
      tick();
      assert.equal(inquiries.size, 0);
    }),
    { numRuns: 500 },
  );
});
