import assert from "node:assert/strict";
import { test } from "node:test";
import { itemId, type LogIndex, logIndex, position, term } from "../base/units.ts";
import {
  type LeaseGrant,
  readInvalidation,
  readLeaseGrant,
  readSession,
  type Touched,
} from "../wire/lease.ts";
import { serviceFrames } from "../wire/service.ts";
import { FakeConnection } from "./fake-connection.test-support.ts";
import { FrontendLink } from "./frontend-link.ts";
import { slowHolders } from "./holder-record.ts";
import { LeaseTable } from "./leases.ts";
import { Reign } from "./reign.ts";

const leaseMs = 200;

/** A log that grants leases, and writes down what it is told of them. */
class FakeLeases {
  readonly live = new Set<number>();
  readonly told: string[] = [];
  granting = true;
  recall: () => void = () => {};

  grant(holder: number, fresh: boolean): number | undefined {
    if (!this.granting || (!fresh && !this.live.has(holder))) return undefined;
    this.live.add(holder);
    return leaseMs;
  }
  acknowledge(holder: number, through: LogIndex): void {
    this.told.push(`${holder} acknowledges ${through}`);
  }
  end(holder: number): void {
    this.live.delete(holder);
    this.told.push(`${holder} ends`);
  }
  onRecall(listener: () => void): void {
    this.recall = listener;
  }
}

function desk() {
  const leases = new FakeLeases();
  const events: string[] = [];
  const state = { reign: new Reign(term(3), position(40)) as Reign | undefined, now: 1_000 };
  const table = new LeaseTable({
    leases,
    reign: () => state.reign,
    now: () => state.now,
    onEvent: ({ kind, holder, session }) => events.push(`${kind} ${holder} ${session}`),
  });
  const frontend = (name: string) => {
    const connection = new FakeConnection();
    const link = new FrontendLink(name, connection.asConnection());
    let requests = 0;
    return {
      connection,
      link,
      ask: (session: number): LeaseGrant | undefined => {
        const before = connection.sent(serviceFrames.leaseGrant, readLeaseGrant).length;
        table.request(link, { request: ++requests, session });
        return connection.sent(serviceFrames.leaseGrant, readLeaseGrant)[before];
      },
      invalidations: () => connection.sent(serviceFrames.invalidation, readInvalidation),
    };
  };
  return { leases, events, state, table, frontend };
}

const touched: Touched = { kind: "items", items: [itemId(5)] };

test("a session begins at the newest appended position, and goes on while it is asked for", () => {
  const { state, events, frontend } = desk();
  state.reign?.appended(logIndex(9), [{ kind: "tick" }]);
  const one = frontend("frontend-1");
  assert.deepEqual(one.ask(0), { request: 1, term: 3, session: 1, remainingMs: leaseMs, start: 41 });
  state.reign?.appended(logIndex(10), [{ kind: "tick" }]);
  assert.deepEqual(one.ask(1), { request: 2, term: 3, session: 1, remainingMs: leaseMs, start: 41 });
  assert.deepEqual(events, ["lease-granted frontend-1 1"]);
});

test("two front-ends have sessions of their own, and a new one begins where the old cannot go on", () => {
  const { leases, events, frontend } = desk();
  const [one, two] = [frontend("a"), frontend("b")];
  assert.deepEqual([one.ask(0)?.session, two.ask(0)?.session], [1, 2]);
  leases.live.delete(1);
  assert.equal(one.ask(1)?.session, 3);
  // A number of another connection's is not this one's.
  assert.equal(two.ask(2)?.session, 2);
  assert.deepEqual(events, [
    "lease-granted a 1",
    "lease-granted b 2",
    "lease-ended a 1",
    "lease-granted a 3",
  ]);
});

test("without a reign nothing is granted, and nothing is answered", () => {
  const { state, table, frontend } = desk();
  state.reign = undefined;
  assert.equal(frontend("a").ask(0), undefined);
  assert.equal(table.held, false);
});

test("a request that was sent before the first grant came begins no second session", () => {
  const { state, frontend } = desk();
  const one = frontend("a");
  assert.equal(one.ask(0)?.session, 1);
  assert.equal(one.ask(0), undefined);
  assert.equal(one.ask(1)?.session, 1);
  // It knows of the session and wants another: the one that it had is lost to it.
  assert.equal(one.ask(0)?.session, 2);
  // That one was over before it was known of: the next is not granted at once.
  state.now += 2 * leaseMs;
  assert.equal(one.ask(0), undefined);
  state.now += slowHolders.penaltyMs;
  assert.ok(one.ask(0) !== undefined);
});

test("a holder that keeps writes waiting is left without a lease for a while", () => {
  const { state, table, frontend } = desk();
  const one = frontend("a");
  one.ask(0);
  one.ask(1);
  table.invalidate(logIndex(7), position(41), touched);
  state.now += slowHolders.slowMs + 1;
  assert.equal(one.ask(1), undefined, "it has not acknowledged yet");
  table.acknowledge(one.link, { session: 1, index: logIndex(7) });
  assert.equal(one.ask(1), undefined, "nor is it forgiven when it does");
  state.now += slowHolders.penaltyMs;
  assert.equal(one.ask(0)?.session, 2);
});

test("nor does it help to acknowledge one of two entries and to leave the other waiting", () => {
  const { state, table, frontend } = desk();
  const one = frontend("a");
  one.ask(0);
  one.ask(1);
  table.invalidate(logIndex(7), position(41), touched);
  table.invalidate(logIndex(8), position(42), touched);
  table.acknowledge(one.link, { session: 1, index: logIndex(7) });
  state.now += slowHolders.slowMs + 1;
  assert.equal(one.ask(1), undefined);
});

test("one that acknowledges in time keeps its lease, however many entries it is told of", () => {
  const { state, table, frontend } = desk();
  const one = frontend("a");
  one.ask(0);
  for (let i = 0; i < 100; i++) {
    table.invalidate(logIndex(7 + i), position(41 + i), touched);
    state.now += slowHolders.slowMs / 4;
    table.acknowledge(one.link, { session: 1, index: logIndex(7 + i) });
    assert.equal(one.ask(1)?.session, 1);
  }
});

test("every holder is told at once what an entry touches", () => {
  const { table, frontend } = desk();
  const [one, two, three] = [frontend("a"), frontend("b"), frontend("c")];
  one.ask(0);
  two.ask(0);
  table.invalidate(logIndex(7), position(41), touched);
  const told = [{ index: 7, position: 41, touched }];
  assert.deepEqual([one.invalidations(), two.invalidations(), three.invalidations()], [told, told, []]);
});

test("one whose lease must be over is told nothing more", () => {
  const { state, table, events, frontend } = desk();
  const one = frontend("a");
  one.ask(0);
  state.now += leaseMs;
  table.invalidate(logIndex(7), position(41), touched);
  assert.equal(one.invalidations().length, 1);
  state.now += leaseMs;
  table.invalidate(logIndex(8), position(42), touched);
  assert.equal(one.invalidations().length, 1);
  assert.deepEqual([table.held, events.at(-1)], [false, "lease-ended a 1"]);
});

test("only the present session's acknowledgements and ends reach the log", () => {
  const { leases, table, frontend } = desk();
  const one = frontend("a");
  one.ask(0);
  table.acknowledge(one.link, { session: 1, index: logIndex(7) });
  table.acknowledge(one.link, { session: 9, index: logIndex(8) });
  table.acknowledge(frontend("b").link, { session: 1, index: logIndex(9) });
  table.end(one.link, { session: 9 });
  table.end(one.link, { session: 1 });
  table.end(one.link, { session: 1 });
  assert.deepEqual(leases.told, ["1 acknowledges 7", "1 ends"]);
  assert.equal(table.held, false);
});

test("a connection that ends does not end its lease", () => {
  const { leases, table, frontend } = desk();
  const one = frontend("a");
  one.ask(0);
  table.leave(one.link);
  assert.deepEqual([leases.told, [...leases.live], table.held], [[], [1], false]);
});

test("a recall asks every holder for its lease, and who was refused meanwhile can still give it up", () => {
  const { leases, table, frontend } = desk();
  const one = frontend("a");
  one.ask(0);
  leases.granting = false;
  leases.recall();
  assert.deepEqual(one.connection.sent(serviceFrames.leaseRecall, readSession), [{ session: 1 }]);
  assert.equal(one.ask(1), undefined);
  table.invalidate(logIndex(7), position(41), touched);
  assert.equal(one.invalidations().length, 1);
  table.end(one.link, { session: 1 });
  assert.deepEqual(leases.told, ["1 ends"]);
});

test("a number is never used again, in whatever reign", () => {
  const { state, table, frontend } = desk();
  const one = frontend("a");
  assert.equal(one.ask(0)?.session, 1);
  table.forget();
  state.reign = new Reign(term(5), position(50));
  assert.deepEqual(one.ask(1), { request: 2, term: 5, session: 2, remainingMs: leaseMs, start: 50 });
});
