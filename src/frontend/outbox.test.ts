import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type FailureCode, failures } from "../base/failure.ts";
import { orderTimes } from "../base/limits.ts";
import { outboxLimits } from "./limits.ts";
import { Outbox, type Settlement } from "./outbox.ts";

const command = new Uint8Array([1]);
const reply = new Uint8Array([9]);

/** An outbox with a hand on the clock, and a record of what was sent. */
function world() {
  const outbox = new Outbox<string>(0);
  const sent: { link: number; requests: string[] }[] = [];
  return {
    outbox,
    sent,
    flush(nowMs: number, takes = true): void {
      outbox.flush(nowMs, (link, submissions) => {
        if (takes) sent.push({ link, requests: submissions.map(({ request }) => request) });
        return takes;
      });
    },
  };
}

const fates = (settlements: readonly Settlement<string>[]) =>
  settlements.map(({ pending, outcome }) => [
    pending.request,
    outcome.kind === "reply" ? "reply" : outcome.code,
  ]);

describe("the outbox", () => {
  test("joins everything of one turn into one frame for the leader", () => {
    const { outbox, sent, flush } = world();
    outbox.leaderChanged(0, { link: 1, term: 1 });
    outbox.submit(0, command, "a");
    outbox.submit(0, command, "b");
    flush(0);
    flush(0);
    assert.deepEqual(sent, [{ link: 1, requests: ["a", "b"] }]);
  });

  test("keeps what comes while nobody leads and sends it to the first who does", () => {
    const { outbox, sent, flush } = world();
    outbox.submit(0, command, "a");
    flush(0);
    assert.deepEqual(sent, []);
    outbox.leaderChanged(5, { link: 2, term: 1 });
    flush(5);
    assert.deepEqual(sent, [{ link: 2, requests: ["a"] }]);
  });

  test("tells of a refusal that lasts long before the deadline; but not of one whose earlier attempt may have happened", () => {
    const { outbox, flush } = world();
    outbox.leaderChanged(0, { link: 1, term: 1 });
    const refused = outbox.submit(0, command, "refused");
    flush(0);
    const refuse = (nowMs: number, ticket: number) =>
      outbox.result(nowMs, 1, { kind: "failed", ticket, code: "unavailable" });
    assert.equal(refuse(1, refused.ticket), undefined);
    outbox.tick(orderTimes.leaderlessMs);
    flush(orderTimes.leaderlessMs);
    const settlement = refuse(orderTimes.leaderlessMs, refused.ticket);
    assert.ok(settlement !== undefined);
    assert.deepEqual(fates([settlement]), [["refused", "unavailable"]]);

    const doubtful = outbox.submit(0, command, "doubtful");
    flush(0);
    outbox.leaderChanged(1, { link: 1, term: 2 });
    flush(1);
    assert.equal(refuse(orderTimes.leaderlessMs, doubtful.ticket), undefined);
  });

  test("sends everything again, to the new leader, when a higher term leads", () => {
    const { outbox, sent, flush } = world();
    outbox.leaderChanged(0, { link: 1, term: 1 });
    const a = outbox.submit(0, command, "a");
    flush(0);
    outbox.leaderChanged(1, { link: 2, term: 2 });
    flush(1);
    assert.deepEqual(sent.at(-1), { link: 2, requests: ["a"] });
    assert.equal(outbox.resends, 1);
    assert.equal(outbox.result(2, 2, { kind: "reply", ticket: a.ticket, reply })?.pending.request, "a");
    assert.equal(outbox.size, 0);
    assert.equal(outbox.bytes, 0);
  });

  test("takes the reply of a deposed leader for the truth, once", () => {
    const { outbox, flush } = world();
    outbox.leaderChanged(0, { link: 1, term: 1 });
    const { ticket } = outbox.submit(0, command, "a");
    flush(0);
    outbox.leaderChanged(1, { link: 2, term: 2 });
    assert.notEqual(outbox.result(2, 1, { kind: "reply", ticket, reply }), undefined);
    assert.equal(outbox.result(3, 2, { kind: "reply", ticket, reply }), undefined);
    flush(4);
    assert.deepEqual(outbox.tick(orderTimes.deadlineMs), []);
  });

  const endings: readonly (readonly [string, (w: ReturnType<typeof world>) => void, string])[] = [
    ["was never handed to a link", () => {}, "unavailable"],
    [
      "waits for a leader's answer",
      ({ outbox, flush }) => {
        outbox.leaderChanged(0, { link: 1, term: 1 });
        flush(0);
      },
      "outcome-unknown",
    ],
    [
      "was on a link that ended",
      ({ outbox, flush }) => {
        outbox.leaderChanged(0, { link: 1, term: 1 });
        flush(0);
        outbox.linkLost(1, 1);
      },
      "outcome-unknown",
    ],
    [
      "was on a link that took nothing",
      ({ outbox, flush }) => {
        outbox.leaderChanged(0, { link: 1, term: 1 });
        flush(0, false);
        outbox.linkLost(1, 1);
      },
      "unavailable",
    ],
    ...(["not-leader", "unavailable"] as const).map(
      (code) =>
        [
          `was refused before it was appended (${code})`,
          ({ outbox, flush }: ReturnType<typeof world>) => {
            outbox.leaderChanged(0, { link: 1, term: 1 });
            flush(0);
            outbox.result(1, 1, { kind: "failed", ticket: 1, code });
          },
          "unavailable",
        ] as const,
    ),
    [
      "was appended by a leader that lost its leadership",
      ({ outbox, flush }) => {
        outbox.leaderChanged(0, { link: 1, term: 1 });
        flush(0);
        outbox.result(1, 1, { kind: "failed", ticket: 1, code: "outcome-unknown" });
      },
      "outcome-unknown",
    ],
    [
      "was refused only by the second leader, the first having said nothing",
      ({ outbox, flush }) => {
        outbox.leaderChanged(0, { link: 1, term: 1 });
        flush(0);
        outbox.leaderChanged(1, { link: 2, term: 2 });
        flush(1);
        outbox.result(2, 2, { kind: "failed", ticket: 1, code: "not-leader" });
      },
      "outcome-unknown",
    ],
  ];
  for (const [what, happens, fate] of endings) {
    test(`says ${fate} at the deadline of an order that ${what}`, () => {
      const w = world();
      w.outbox.submit(0, command, "a");
      happens(w);
      assert.deepEqual(fates(w.outbox.tick(orderTimes.deadlineMs - 1)), []);
      assert.deepEqual(fates(w.outbox.tick(orderTimes.deadlineMs)), [["a", fate]]);
    });
  }

  test("tries again after a refusal, but not at once", () => {
    const { outbox, sent, flush } = world();
    outbox.leaderChanged(0, { link: 1, term: 1 });
    const { ticket } = outbox.submit(0, command, "a");
    flush(0);
    outbox.result(1, 1, { kind: "failed", ticket, code: "not-leader" });
    outbox.tick(2);
    flush(2);
    assert.equal(sent.length, 1);
    outbox.tick(1 + outboxLimits.retryMs);
    flush(1 + outboxLimits.retryMs);
    assert.equal(sent.length, 2);
  });

  test("refuses new orders once nobody has led for a while, and takes them again under a leader", () => {
    const { outbox } = world();
    assert.equal(outbox.admits(orderTimes.leaderlessMs - 1, 1), "open");
    assert.equal(outbox.admits(orderTimes.leaderlessMs, 1), "leaderless");
    outbox.leaderChanged(orderTimes.leaderlessMs, { link: 1, term: 1 });
    assert.equal(outbox.admits(orderTimes.leaderlessMs, 1), "open");
  });

  test("refuses new orders at its bounds", () => {
    const { outbox } = world();
    assert.equal(outbox.admits(0, outboxLimits.pendingOrders + 1), "full");
    outbox.submit(0, new Uint8Array(outboxLimits.pendingBytes + 1), "a");
    assert.equal(outbox.admits(0, 1), "full");
  });

  test("splits what is sent again into frames of bounded size", () => {
    const { outbox, sent, flush } = world();
    const large = new Uint8Array(outboxLimits.frameBytes);
    outbox.submit(0, large, "a");
    outbox.submit(0, large, "b");
    outbox.leaderChanged(0, { link: 1, term: 1 });
    flush(0);
    assert.deepEqual(
      sent.map(({ requests }) => requests),
      [["a"], ["b"]],
    );
  });
});

/** What may happen to an outbox; times go forward by `afterMs`. */
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("submit" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("flush" as const), takes: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("lead" as const), replica: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("nobody-leads" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), replica: fc.nat(2) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      pick: fc.nat(),
      with: fc.constantFrom<"reply" | FailureCode>("reply", "not-leader", "unavailable", "outcome-unknown"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 4_000 }) }),
  },
);

test("whatever happens, every order settles once, by its deadline, under its one id, and never falsely as definite", () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 80 }), (course) => {
      let nowMs = 1;
      const outbox = new Outbox<number>(nowMs);
      const links = [1, 2, 3];
      let nextLink = 4;
      let term = 0;
      /** Attempts that a link was handed and has not answered; a lost link's stay for ever: their fate is unknown. */
      const attempts: { ticket: number; link: number; command: Uint8Array }[] = [];
      const unresolved = new Map<number, number>();
      const commands = new Map<number, Uint8Array>();
      const deadlines = new Map<number, number>();
      const settled = new Map<number, string>();
      const settle = ({ pending, outcome }: Settlement<number>) => {
        assert.ok(!settled.has(pending.ticket), "settled twice");
        settled.set(pending.ticket, outcome.kind === "reply" ? "reply" : outcome.code);
        if (outcome.kind === "failed" && outcome.code === "unavailable")
          assert.equal(
            unresolved.get(pending.ticket) ?? 0,
            0,
            "called definite with an attempt unaccounted for",
          );
      };
      const tick = () => {
        for (const settlement of outbox.tick(nowMs)) settle(settlement);
        for (const [ticket, deadlineMs] of deadlines)
          if (deadlineMs <= nowMs) assert.ok(settled.has(ticket), "not settled by its deadline");
      };
      for (const step of course) {
        switch (step.kind) {
          case "submit": {
            if (outbox.admits(nowMs, 1) !== "open") break;
            const bytes = new Uint8Array([commands.size]);
            const { ticket } = outbox.submit(nowMs, bytes, commands.size);
            commands.set(ticket, bytes);
            deadlines.set(ticket, nowMs + orderTimes.deadlineMs);
            break;
          }
          case "flush":
            outbox.flush(nowMs, (link, submissions) => {
              assert.ok(links.includes(link), "sent to a link that is gone");
              for (const { ticket, command: bytes } of submissions) {
                assert.equal(commands.get(ticket), bytes, "sent under another id");
                assert.ok(!settled.has(ticket), "sent after it was settled");
                if (!step.takes) continue;
                attempts.push({ ticket, link, command: bytes });
                unresolved.set(ticket, (unresolved.get(ticket) ?? 0) + 1);
              }
              return step.takes;
            });
            break;
          case "lead":
            outbox.leaderChanged(nowMs, { link: links[step.replica] as number, term: ++term });
            break;
          case "nobody-leads":
            outbox.leaderChanged(nowMs, undefined);
            break;
          case "lose": {
            const link = links[step.replica] as number;
            links[step.replica] = nextLink++;
            outbox.linkLost(nowMs, link);
            for (let i = attempts.length - 1; i >= 0; i--)
              if (attempts[i]?.link === link) attempts.splice(i, 1);
            break;
          }
          case "answer": {
            if (attempts.length === 0) break;
            const [{ ticket, link }] = attempts.splice(step.pick % attempts.length, 1) as [
              (typeof attempts)[0],
            ];
            const result =
              step.with === "reply"
                ? ({ kind: "reply", ticket, reply } as const)
                : ({ kind: "failed", ticket, code: step.with } as const);
            if (step.with !== "reply" && failures[step.with].definite)
              unresolved.set(ticket, (unresolved.get(ticket) ?? 0) - 1);
            const settlement = outbox.result(nowMs, link, result);
            if (settlement !== undefined) settle(settlement);
            break;
          }
          case "wait":
            nowMs += step.ms;
            tick();
            break;
        }
      }
      nowMs += orderTimes.deadlineMs;
      tick();
      assert.equal(settled.size, commands.size);
      assert.equal(outbox.size, 0);
      assert.equal(outbox.bytes, 0);
    }),
    { numRuns: 500 },
  );
});
