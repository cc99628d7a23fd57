/** What a client is told of an order whose fate took an unusual turn, and that its key stays good for as long. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { orderTimes } from "../base/limits.ts";
import { sessionId } from "../base/units.ts";
import { encodeCommand } from "../market/codec.ts";
import type { Command } from "../market/command.ts";
import { settleSequences } from "./desk.ts";
import type { FakeReplica } from "./fake-replica.test-support.ts";
import { acknowledged, call, post, startWorld, until, type World } from "./fake-world.test-support.ts";
import { outcomeUnknown, unsent } from "./problem.ts";
import { sessionRequestId } from "./request-key.ts";
import { Session } from "./session.ts";

/** The commands that buy this. */
const buys =
  (name: string) =>
  (command: Command): boolean =>
    command.kind === "place" && command.lines.some(({ item }) => item.kind === "name" && item.name === name);

describe("an order", () => {
  let world: World;
  let replica: FakeReplica;
  before(async () => {
    world = await startWorld();
    replica = world.replicas[0] ?? assert.fail("no replica");
  });
  after(() => world.close());

  function openSessions(): number[] {
    return world.events.flatMap((event) => (event.kind === "session-opened" ? [event.session] : []));
  }

  /** Make the market forget everything of the front-end's session. */
  function forgetSession(): void {
    const session = sessionId(openSessions().at(-1) ?? assert.fail("no session"));
    world.market.submit([encodeCommand({ kind: "acknowledge", session, below: 1_000_000, open: [] })]);
  }

  test("whose reply is damaged has an unknown outcome, which its key then shows", async () => {
    replica.spoils = buys("BoarCo");
    const unknown = await post(`${world.url}/orders`, { name: "BoarCo", quantity: 1 });
    replica.spoils = () => false;
    assert.equal(unknown.status, 504);
    const key = unknown.headers.get("idempotency-key") ?? assert.fail("no key");
    const shown = await post(
      `${world.url}/orders`,
      { name: "BoarCo", quantity: 1 },
      { "idempotency-key": key },
    );
    assert.equal(shown.status, 200);
    assert.equal(shown.headers.get("idempotent-replayed"), "true");
    assert.ok(!world.events.some(({ kind }) => kind === "peer-lost"));
  });

  test("of a batch is shown again under the batch's key for as long as another one's outcome is unknown", async () => {
    const orders = [
      { name: "FishCo", quantity: 1 },
      { name: "BoarCo", quantity: 1 },
      { name: "FishCo", quantity: 2 },
    ];
    replica.spoils = buys("BoarCo");
    const first = await post(`${world.url}/orders/batch`, { orders });
    replica.spoils = () => false;
    assert.deepEqual(
      first.body.list.map(({ error }) => error?.reason),
      [undefined, "outcome-unknown", undefined],
    );
    const key = first.headers.get("idempotency-key") ?? assert.fail("no key");
    await acknowledged(world, key);
    const again = await post(`${world.url}/orders/batch`, { orders }, { "idempotency-key": key });
    assert.deepEqual(
      again.body.list.map(({ error }) => error?.reason),
      [undefined, undefined, undefined],
    );
    assert.deepEqual(again.body.list[0], first.body.list[0]);
    assert.deepEqual(again.body.list[2], first.body.list[2]);
  });

  test("that was asked for under its issued key can be asked for again, however long after", async () => {
    const body = { name: "BoarCo", quantity: 1 };
    const orders = [body, { name: "nix", quantity: 1 }];
    replica.spoils = buys("BoarCo");
    const unknown = await post(`${world.url}/orders`, body);
    replica.spoils = () => false;
    const answered = await post(`${world.url}/orders`, body);
    const batch = await post(`${world.url}/orders/batch`, { orders });
    assert.deepEqual([unknown.status, answered.status, batch.status], [504, 200, 200]);
    const cases = [
      [unknown, "/orders", body],
      [answered, "/orders", body],
      [batch, "/orders/batch", { orders }],
    ] as const;
    const again = async () =>
      await Promise.all(
        cases.map(async ([{ headers }, path, same]) => {
          const key = headers.get("idempotency-key") ?? assert.fail("no key");
          return await post(`${world.url}${path}`, same, { "idempotency-key": key });
        }),
      );
    const first = await again();
    assert.deepEqual(
      first.map(({ status }) => status),
      [200, 200, 200],
    );
    const later = await post(`${world.url}/orders`, body);
    await acknowledged(world, later.headers.get("idempotency-key") ?? assert.fail("no key"));
    const second = await again();
    assert.deepEqual(
      second.map((answer) => answer.body),
      first.map((answer) => answer.body),
    );
  });

  test("that its session is too old for did not happen if it was sent once only", async () => {
    forgetSession();
    const before = world.market.orders.length;
    const opened = openSessions().length;
    const refused = await post(`${world.url}/orders`, { name: "FishCo", quantity: 1 });
    assert.equal(refused.status, 503);
    assert.equal(refused.headers.get("idempotency-key"), null);
    assert.equal(world.market.orders.length, before);
    await until("another session", () => openSessions().length > opened);
    assert.equal((await post(`${world.url}/orders`, { name: "FishCo", quantity: 1 })).status, 200);
  });

  test("that its session is too old for has an unknown outcome if an earlier attempt may have happened", async () => {
    const before = world.market.orders.length;
    replica.mute = true;
    const placing = post(`${world.url}/orders`, { name: "FishCo", quantity: 1 });
    await until("the order was applied", () => world.market.orders.length > before);
    forgetSession();
    replica.mute = false;
    replica.disconnect();
    const unknown = await placing;
    assert.equal(unknown.status, 504);
    assert.match(unknown.headers.get("idempotency-key") ?? "", /^bz-/);
    assert.equal(world.market.orders.length, before + 1);
  });

  test("is looked for within one deadline, however many replicas are asked", async () => {
    replica.silent = true;
    const startMs = performance.now();
    const { status } = await call(`${world.url}/orders/0`);
    const tookMs = performance.now() - startMs;
    replica.silent = false;
    assert.equal(status, 503);
    assert.ok(tookMs < orderTimes.readDeadlineMs * 1.5, `${tookMs} ms`);
  });
});

test("the key of an unknown outcome stays good, and one that was not handed out does not", () => {
  const session = new Session(sessionId(1), 0);
  const unavailable = { kind: "problem", problem: unsent.fresh, replayed: false } as const;
  const first = session.take(3);
  const identity = { key: "", sent: false, id: () => sessionRequestId(session.id, first), session, first };
  settleSequences(identity, 504, [{ ...unavailable, problem: outcomeUnknown }]);
  settleSequences({ ...identity, first: first + 1 }, 503, [unavailable, unavailable]);
  assert.deepEqual(session.acknowledge(0, true)?.open, [first]);
});

test("a front-end whose session's reply is damaged keeps its connection and opens another session", async () => {
  let spoilt = 0;
  const world = await startWorld({
    prepare: (replica) => {
      replica.spoils = ({ kind }) => kind === "open-session" && spoilt++ === 0;
    },
  });
  try {
    assert.equal(spoilt, 2);
    assert.ok(!world.events.some(({ kind }) => kind === "peer-lost"));
  } finally {
    await world.close();
  }
});

test("a front-end that has no session yet says so, to orders and to who asks whether it is ready", async () => {
  const world = await startWorld({
    prepare: (replica) => replica.lead(1, undefined, false),
    starting: async (url, [replica]) => {
      assert.ok(replica !== undefined);
      let ready: Awaited<ReturnType<typeof call>> | undefined;
      while (ready === undefined) ready = await call(`${url}/readyz`).catch(() => undefined); // it may not listen yet
      assert.equal(ready.status, 503);
      assert.match(ready.body.error?.message ?? "", /starting/);
      assert.equal((await call(`${url}/livez`)).status, 200);
      assert.equal((await post(`${url}/orders`, { name: "FishCo", quantity: 1 })).status, 503);
      replica.lead(2, 1, true);
    },
  });
  try {
    assert.equal((await call(`${world.url}/readyz`)).status, 200);
  } finally {
    await world.close();
  }
});
