import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { leaseTimes } from "../base/limits.ts";
import { position, term } from "../base/units.ts";
import type { LeaseGrant } from "../wire/lease.ts";
import { Lease } from "./lease.ts";
import { cacheLimits } from "./limits.ts";

const { renewEveryMs, leaseMs } = leaseTimes;
const link = 7;

function grantOf(request: number, session: number, remainingMs: number, inTerm = 1): LeaseGrant {
  return { request, session, remainingMs, term: term(inTerm), start: position(5) };
}

/** A lease that was asked for at `atMs` and granted at once. */
function held(atMs = 0, remainingMs = leaseMs): Lease {
  const lease = new Lease();
  lease.leaderChanged({ link, term: 1 });
  assert.deepEqual(lease.request(atMs), { link, request: { request: 1, session: 0 } });
  const changes = lease.granted(atMs, link, grantOf(1, 3, remainingMs));
  assert.deepEqual(changes, [{ kind: "began", session: 3, start: 5 }]);
  return lease;
}

const ended = (tell: boolean) => [{ kind: "ended", session: 3, link, tell }];

describe("a lease", () => {
  test("is not asked for while nobody leads, and not held before it is granted", () => {
    const lease = new Lease();
    assert.equal(lease.request(0), undefined);
    lease.leaderChanged({ link, term: 1 });
    assert.ok(lease.request(0));
    assert.equal(lease.holds(0), false);
    assert.equal(lease.session, undefined);
  });

  test("counts from when its request was sent, not from when the grant came", () => {
    const lease = new Lease();
    lease.leaderChanged({ link, term: 1 });
    lease.request(100);
    lease.granted(190, link, grantOf(1, 3, 200));
    assert.equal(lease.holds(299.999), true);
    assert.equal(lease.holds(300), false);
  });

  test("that came too late to be worth anything begins no session", () => {
    const lease = new Lease();
    lease.leaderChanged({ link, term: 1 });
    lease.request(0);
    assert.deepEqual(lease.granted(leaseMs, link, grantOf(1, 3, leaseMs)), []);
    assert.equal(lease.session, undefined);
  });

  test("is renewed every so often, in its session, and prolonged by that", () => {
    const lease = held(0);
    assert.equal(lease.request(renewEveryMs - 1), undefined);
    assert.deepEqual(lease.request(renewEveryMs), { link, request: { request: 2, session: 3 } });
    assert.equal(lease.request(renewEveryMs + 1), undefined);
    assert.deepEqual(lease.granted(renewEveryMs + 5, link, grantOf(2, 3, leaseMs)), []);
    assert.equal(lease.holds(renewEveryMs + leaseMs - 1), true);
  });

  test("is not shortened by a shorter renewal", () => {
    const lease = held(0);
    lease.request(renewEveryMs);
    lease.granted(renewEveryMs, link, grantOf(2, 3, 1));
    assert.equal(lease.holds(leaseMs - 1), true);
  });

  test("that lapsed is over, though its renewal has come meanwhile", () => {
    const lease = held(0);
    lease.request(200);
    assert.deepEqual(lease.granted(leaseMs, link, grantOf(2, 3, leaseMs)), ended(true));
    assert.equal(lease.holds(leaseMs), false);
    assert.deepEqual(lease.request(leaseMs)?.request, { request: 3, session: 0 });
  });

  test("ends when somebody looks at a clock that says so, once", () => {
    const lease = held(0);
    assert.deepEqual(lease.lapse(leaseMs - 1), []);
    assert.deepEqual(lease.lapse(leaseMs), ended(true));
    assert.deepEqual(lease.lapse(leaseMs), []);
  });

  test("ignores grants of requests that were overtaken, forgotten or never sent", () => {
    const lease = held(0);
    lease.request(50);
    lease.request(100);
    lease.granted(110, link, grantOf(3, 3, 10));
    assert.deepEqual(lease.granted(111, link, grantOf(2, 9, leaseMs)), []);
    assert.deepEqual(lease.granted(111, link, grantOf(8, 9, leaseMs)), []);
    assert.equal(lease.session, 3);
    const forgetful = new Lease();
    forgetful.leaderChanged({ link, term: 1 });
    for (let i = 0; i <= cacheLimits.requestsRemembered; i++) forgetful.request(i * 1_000);
    assert.deepEqual(forgetful.granted(0, link, grantOf(1, 3, 1e6)), []);
  });

  test("ignores grants of another link, and of an older term", () => {
    const lease = held(0);
    lease.request(50);
    assert.deepEqual(lease.granted(60, link + 1, grantOf(2, 9, leaseMs)), []);
    assert.deepEqual(lease.granted(60, link, grantOf(2, 9, leaseMs, 0)), []);
    assert.equal(lease.session, 3);
  });

  test("of another session takes the place of the one that was held", () => {
    const lease = held(0);
    lease.request(50);
    const changes = lease.granted(60, link, grantOf(2, 4, leaseMs));
    assert.deepEqual(changes, [...ended(false), { kind: "began", session: 4, start: 5 }]);
  });

  test("under another term is another one, whatever its number", () => {
    const lease = held(0);
    lease.request(50);
    assert.deepEqual(lease.granted(60, link, grantOf(2, 3, leaseMs, 2)), ended(false));
    assert.equal(lease.session, undefined);
  });

  const leaders = [
    ["another link", { link: 8, term: 1 }],
    ["another term", { link, term: 2 }],
    ["nobody", undefined],
  ] as const;
  for (const [who, leader] of leaders) {
    test(`ends when ${who} leads`, () => {
      const lease = held(0);
      assert.deepEqual(lease.leaderChanged(leader), ended(true));
      assert.equal(lease.holds(0), false);
      assert.equal(lease.request(0)?.link, leader?.link);
    });
  }

  test("survives that the leader says again that it leads", () => {
    const lease = held(0);
    assert.deepEqual(lease.leaderChanged({ link, term: 1 }), []);
    assert.equal(lease.holds(0), true);
  });

  test("is given back when it is recalled, and not asked for again at once", () => {
    const lease = held(0);
    lease.request(50);
    assert.deepEqual(lease.recalled(60, link, 3), ended(false));
    assert.deepEqual(lease.granted(61, link, grantOf(2, 4, leaseMs)), []);
    assert.equal(lease.request(60 + leaseMs - 1), undefined);
    assert.ok(lease.request(60 + leaseMs));
  });

  test("is over for good once it is stopped", () => {
    const lease = held(0);
    assert.deepEqual(lease.stop(), ended(true));
    assert.equal(lease.request(1_000), undefined);
    assert.deepEqual(lease.stop(), []);
  });
});

test("whatever comes, a lease never outlasts what one of its session's grants was worth, and ends once per beginning", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 120 }) }),
    fc.record({ kind: fc.constant("request" as const) }),
    fc.record({
      kind: fc.constant("grant" as const),
      back: fc.nat(4),
      session: fc.integer({ min: 1, max: 3 }),
      term: fc.integer({ min: 1, max: 2 }),
      remainingMs: fc.integer({ min: 0, max: leaseMs }),
    }),
    fc.record({
      kind: fc.constant("leader" as const),
      leader: fc.option(fc.record({ link: fc.constantFrom(1, 2), term: fc.integer({ min: 1, max: 2 }) }), {
        nil: undefined,
      }),
    }),
    fc.record({ kind: fc.constant("recall" as const), session: fc.integer({ min: 1, max: 3 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (course) => {
      const lease = new Lease();
      const sentMs = new Map<number, number>();
      let nowMs = 0;
      let last = 0;
      let leader: { link: number; term: number } | undefined;
      let held: number | undefined;
      let worthMs = 0;
      const note = (changes: ReturnType<Lease["lapse"]>, untilMs = 0): void => {
        for (const change of changes) {
          if (change.kind === "began") {
            assert.equal(held, undefined, "a session began within another");
            held = change.session;
            worthMs = untilMs;
          } else {
            assert.equal(held, change.session);
            held = undefined;
          }
        }
      };
      for (const one of course) {
        switch (one.kind) {
          case "wait":
            nowMs += one.ms;
            break;
          case "request": {
            note(lease.lapse(nowMs));
            const request = lease.request(nowMs)?.request;
            if (request === undefined) break;
            assert.equal(request.session, held ?? 0);
            last = request.request;
            sentMs.set(last, nowMs);
            break;
          }
          case "grant": {
            const request = last - one.back;
            const untilMs = (sentMs.get(request) ?? 0) + one.remainingMs;
            if (leader === undefined) break;
            const before = held;
            note(
              lease.granted(nowMs, leader.link, grantOf(request, one.session, one.remainingMs, one.term)),
              untilMs,
            );
            if (held === one.session && before === held) worthMs = Math.max(worthMs, untilMs);
            break;
          }
          case "leader":
            leader = one.leader;
            note(lease.leaderChanged(leader));
            break;
          case "recall":
            note(lease.recalled(nowMs, leader?.link ?? 0, one.session));
            break;
        }
        assert.equal(lease.session, held);
        if (lease.holds(nowMs)) assert.ok(held !== undefined && nowMs < worthMs);
      }
    }),
    { numRuns: 1_000 },
  );
});
