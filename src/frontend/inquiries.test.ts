import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "../base/bytes.ts";
import { requestLimits, wireLimits } from "../base/limits.ts";
import { position } from "../base/units.ts";
import { type Answered, type Freshness, type Inquiry, writeQuestions } from "../wire/service.ts";
import { Inquiries } from "./inquiries.ts";
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

  ask(inquiry: Inquiry, freshness: Freshness, leaderOnly = false, untilMs = deadlineMs): void {
    this.inquiries.ask(inquiry, freshness, leaderOnly, untilMs, ({ kind }) => this.found.push(kind));
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
    ["an item at a position", item, atLeast, 1],
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
    world.ask(item, latest, true);
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
    world.ask(item, latest, true);
    world.flush(0);
    world.inquiries.answer(0, 1, { kind: "failed", ticket: 1, code: "not-leader" });
    world.pass(0, retryMs - 10);
    assert.equal(world.sent.length, 1);
    world.pass(retryMs, retryMs);
    assert.equal(world.sent.length, 2);
  });

  test("is given up at its own deadline, though earlier ones have later deadlines", () => {
    const world = new World([1], 1);
    world.ask(item, latest, true, 3_000);
    world.ask(item, latest, true, 1_000);
    world.flush(0);
    world.inquiries.tick(1_000);
    assert.deepEqual(world.found, ["failed"]);
    assert.equal(world.inquiries.size, 1);
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
  for (let i = 0; i < inquiryLimits.pending; i++) inquiries.ask(largest, latest, true, deadlineMs, () => {});
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
    leaderOnly: fc.boolean(),
    forMs: fc.integer({ min: 0, max: 4_000 }),
  }),
  fc.record({ kind: fc.constant("flush" as const), takes: fc.boolean() }),
  fc.record({
    kind: fc.constant("links" as const),
    links: fc.subarray([1, 2, 3]),
    leader: fc.option(fc.nat(2), { nil: undefined }),
  }),
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
      const leaderOnly = new Set<number>();
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
            if (step.leaderOnly) leaderOnly.add(asked.length);
            inquiries.ask(step.inquiry, step.freshness, step.leaderOnly, read.deadlineMs, () => {
              read.answers++;
            });
            break;
          }
          case "flush":
            inquiries.flush(nowMs, (link, questions) => {
              assert.ok(links.includes(link), "sent to a link that is gone");
              for (const { ticket } of questions) {
                if (leaderOnly.has(ticket)) assert.equal(link, leader);
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
