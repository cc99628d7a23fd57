import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type LogIndex, logIndex, position, type ReplicaId, replicaId, term } from "../base/units.ts";
import { MemoryLogGroup } from "../log/memory.ts";
import { decodeReply, encodeCommand } from "../market/codec.ts";
import type { Command } from "../market/command.ts";
import { goods, inSession, named, order, underKey } from "../market/fixture.test-support.ts";
import { emptyMarket, marketState } from "../market/market.ts";
import type { Reply } from "../market/reply.ts";
import { openMemoryStore } from "../store/memory.ts";
import { readChange } from "../wire/feed.ts";
import { readInvalidation, readLeaseGrant } from "../wire/lease.ts";
import { readAnswers, readLeadership, readResults, serviceFrames } from "../wire/service.ts";
import type { Copied } from "./applier.ts";
import { CatalogLink } from "./catalog-link.ts";
import { FakeConnection } from "./fake-connection.test-support.ts";
import { FrontendLink } from "./frontend-link.ts";
import { Replica, type ReplicaOptions } from "./replica.ts";
import { SteeredLog } from "./steered-log.test-support.ts";

interface Start {
  readonly behind?: LogIndex;
  readonly copying?: boolean;
  readonly copyState?: ReplicaOptions["copyState"];
}

const session: Command = { kind: "open-session" };

/** A group of replicas over one memory log, none of them up. */
function groupOf(t: TestContext) {
  const logs = new MemoryLogGroup();
  const start = (id: ReplicaId, { behind, copying = false, copyState }: Start = {}) => {
    const log = new SteeredLog(logs.join(id), behind);
    const store = openMemoryStore();
    const { promise: failed, reject } = Promise.withResolvers<never>();
    failed.catch(() => {});
    const replica = new Replica({
      log,
      store,
      market: emptyMarket(),
      applied: logIndex(0),
      copying,
      copyState: copyState ?? (() => assert.fail("nothing is to be copied")),
      definition: goods,
      wallClock: () => 1_000,
      onFatal: reject,
      onApplied: () => {},
    });
    t.after(() => replica.close());
    return { id, log, store, replica, failed };
  };
  return { logs, start };
}

type Member = ReturnType<ReturnType<typeof groupOf>["start"]>;

/** A front-end's connection to a replica. */
function frontendOf({ replica, failed }: Member) {
  const connection = new FakeConnection();
  const link = new FrontendLink("frontend-1", connection.asConnection());
  replica.join(link);
  let ticket = 0;
  const orFailure = <T>(awaited: Promise<T>): Promise<T> => Promise.race([awaited, failed]);
  return {
    connection,
    link,
    /** Resolves when the replica says that it takes submissions. */
    leading: () => orFailure(connection.first(serviceFrames.leadership, readLeadership, (n) => n.leading)),
    /** Submit a command; resolves to its reply, or to why there is none. */
    submit: async (command: Command): Promise<Reply | string> => {
      const mine = ++ticket;
      replica.submit(link, [{ ticket: mine, command: encodeCommand(command) }]);
      const results = await orFailure(
        connection.first(serviceFrames.results, readResults, (all) => all.some((one) => one.ticket === mine)),
      );
      const result = results.find((one) => one.ticket === mine);
      assert.ok(result);
      return result.kind === "reply" ? decodeReply(result.reply) : result.code;
    },
    /** Ask for a lease until one is granted. */
    lease: async () => {
      replica.leases.request(link, { request: 1, session: 0 });
      return orFailure(connection.first(serviceFrames.leaseGrant, readLeaseGrant));
    },
    invalidated: (at: number) =>
      orFailure(connection.first(serviceFrames.invalidation, readInvalidation, (one) => one.position === at)),
    changed: (at: number) =>
      orFailure(connection.first(serviceFrames.change, readChange, (one) => one.position === at)),
  };
}

const lamp = (word: number): Command => order(underKey(word), "buy", named("lamp", 1));

test("a leader founds the market and takes commands then", async (t) => {
  const { logs, start } = groupOf(t);
  const member = start(replicaId(1));
  const frontend = frontendOf(member);
  assert.equal(await frontend.submit(session), "not-leader");
  logs.elect(member.id);
  await frontend.leading();
  const reply = await frontend.submit(session);
  assert.deepEqual(reply, { kind: "session-opened", position: 2, session: 2 });
});

test("an entry touches its items for lease holders, is answered when they have dropped them, and told as changed", async (t) => {
  const { logs, start } = groupOf(t);
  const member = start(replicaId(1));
  logs.elect(member.id);
  const frontend = frontendOf(member);
  await frontend.leading();
  const grant = await frontend.lease();
  assert.deepEqual([grant.session, grant.term, grant.start], [1, 1, 1]);
  const replied = frontend.submit(lamp(7));
  const { index, touched } = await frontend.invalidated(2);
  assert.deepEqual(touched, { kind: "items", items: [1] });
  assert.equal(member.replica.market.position, 1);
  const { leases } = member.replica;
  leases.acknowledge(frontend.link, { session: 1, index });
  const reply = await replied;
  assert.ok(typeof reply !== "string" && reply.kind === "placed");
  const change = await frontend.changed(2);
  assert.equal(change.index, index);
});

test("a new leader takes commands only behind all that the former one appended, and knows their positions", async (t) => {
  const { logs, start } = groupOf(t);
  const [one, two] = [start(replicaId(1)), start(replicaId(2))];
  logs.elect(one.id);
  const former = frontendOf(one);
  await former.leading();
  await former.lease();
  // The lease is not acknowledged: this entry is not committed for a while.
  const unknown = former.submit(lamp(1));
  await former.invalidated(2);
  logs.elect(two.id);
  assert.equal(await unknown, "outcome-unknown");
  const frontend = frontendOf(two);
  assert.equal(await frontend.submit(session), "not-leader");
  await frontend.leading();
  assert.equal(two.replica.market.position, 2);
  assert.equal((await frontend.lease()).start, 2);
  const replied = frontend.submit(lamp(2));
  const { index } = await frontend.invalidated(3);
  two.replica.leases.acknowledge(frontend.link, { session: 1, index });
  const reply = await replied;
  assert.ok(typeof reply !== "string" && reply.kind === "placed");
  assert.equal(reply.order.number, 1);
});

test("a reign goes on behind a handing over that failed, with what was appended before it", async (t) => {
  const { logs, start } = groupOf(t);
  const member = start(replicaId(1));
  logs.elect(member.id);
  const frontend = frontendOf(member);
  await frontend.leading();
  await frontend.lease();
  const before = frontend.submit(lamp(1));
  const { index } = await frontend.invalidated(2);
  member.log.handOver(true);
  assert.equal(await before, "outcome-unknown");
  assert.equal(await frontend.submit(session), "not-leader");
  member.replica.leases.request(frontend.link, { request: 2, session: 1 });
  assert.equal(frontend.connection.sent(serviceFrames.leaseGrant, readLeaseGrant).length, 1);
  member.log.handOver(false);
  const after = frontend.submit(lamp(2));
  const next = await frontend.invalidated(3);
  assert.ok(next.index > index);
  member.replica.leases.acknowledge(frontend.link, { session: 1, index: next.index });
  const reply = await after;
  assert.ok(typeof reply !== "string" && reply.kind === "placed" && reply.order.number === 1);
});

/** The state of a market in which some sessions were opened, as another replica of the same log has it. */
async function stateOf(member: Member, sessions: number): Promise<Copied> {
  const frontend = frontendOf(member);
  await frontend.leading();
  for (let i = 0; i < sessions; i++) await frontend.submit(session);
  return {
    index: member.replica.appliedIndex,
    term: term(1),
    state: marketState(member.replica.market),
  };
}

/** The copy as a whole: into the store, as `copyState` promises. */
async function install({ store }: Pick<Member, "store">, copied: Copied): Promise<Copied> {
  const copy = await store.copy();
  await copy.install(copied.index, copied.term, copied.state);
  return copied;
}

test("a replica that is behind takes over a copied state, wakes who waits for it, and goes on from there", async (t) => {
  const { logs, start } = groupOf(t);
  const leader = start(replicaId(1));
  logs.elect(leader.id);
  const copied = await stateOf(leader, 3);
  const asked: number[] = [];
  const permitted = Promise.withResolvers<void>();
  const late = start(replicaId(2), {
    behind: logIndex(2),
    copyState: async (atLeast) => {
      asked.push(atLeast);
      await permitted.promise;
      return install(late, copied);
    },
  });
  const catalog = new FakeConnection();
  late.replica.feed.follow(new CatalogLink(catalog));
  const frontend = frontendOf(late);
  const inquiry = { kind: "item", item: "Lamp" } as const;
  const freshness = { kind: "at-least", position: position(4) } as const;
  late.replica.ask(frontend.link, [{ ticket: 5, freshness, inquiry }]);
  permitted.resolve();
  const [answer] = await frontend.connection.first(serviceFrames.answers, readAnswers);
  assert.ok(answer?.kind === "rows" && answer.position >= 4);
  assert.deepEqual([asked, catalog.closed], [[2], true]);
  const others = frontendOf(leader);
  await others.submit(session);
  late.replica.ask(frontend.link, [
    { ticket: 6, freshness: { kind: "at-least", position: position(5) }, inquiry },
  ]);
  await frontend.connection.first(serviceFrames.answers, readAnswers, ([one]) => one?.ticket === 6);
  assert.deepEqual(late.log.restored, [[copied.index, 1]]);
  assert.deepEqual(late.replica.hashes(), leader.replica.hashes());
});

test("a copy that was begun in an earlier life is finished before anything is applied", async (t) => {
  const { logs, start } = groupOf(t);
  const leader = start(replicaId(1));
  logs.elect(leader.id);
  const copied = await stateOf(leader, 2);
  const permitted = Promise.withResolvers<Copied>();
  const late = start(replicaId(2), { copying: true, copyState: () => permitted.promise });
  const frontend = frontendOf(late);
  late.replica.ask(frontend.link, [
    { ticket: 1, freshness: { kind: "at-least", position: position(3) }, inquiry: { kind: "position" } },
  ]);
  assert.equal(late.replica.appliedIndex, 0);
  permitted.resolve(install(late, copied));
  await frontend.connection.first(serviceFrames.answers, readAnswers);
  assert.equal(late.replica.market.position, 3);
  assert.equal((await late.store.load()).index, copied.index);
});

test("a replica that closes breaks a copy off that is under way", async (t) => {
  const { start } = groupOf(t);
  const copyState = (_: LogIndex, signal: AbortSignal): Promise<Copied> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const member = start(replicaId(1), { copying: true, copyState });
  await member.replica.close();
  assert.equal(await Promise.race([member.failed, Promise.resolve("closed")]), "closed");
});

test("the log is told now and then what the store holds durably", async (t) => {
  const { logs, start } = groupOf(t);
  const member = start(replicaId(1));
  logs.elect(member.id);
  const frontend = frontendOf(member);
  await frontend.leading();
  for (let i = 0; i < 150; i++) await frontend.submit(session);
  const { compacted } = member.log;
  assert.equal(compacted.length, 2);
  assert.ok((compacted[0] ?? 0) >= 64 && (compacted[1] ?? 0) >= (compacted[0] ?? 0) + 64);
});

test("an order in a session that was opened under another leader keeps its place in the counting of positions", async (t) => {
  const { logs, start } = groupOf(t);
  const [one, two] = [start(replicaId(1)), start(replicaId(2))];
  logs.elect(one.id);
  const first = frontendOf(one);
  await first.leading();
  await first.submit(session);
  logs.elect(two.id);
  const second = frontendOf(two);
  await second.leading();
  const reply = await second.submit(order(inSession(1), "buy", named("rope", 2)));
  assert.ok(typeof reply !== "string" && reply.kind === "placed");
  assert.equal(reply.position, 3);
});
