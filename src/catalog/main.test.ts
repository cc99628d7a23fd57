/** A catalog as a process runs it, between replicas that tell it their feed and a front-end that asks, over TCP. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { present } from "../base/assert.ts";
import { position } from "../base/units.ts";
import type { Command } from "../market/command.ts";
import { goods, named, order, underKey } from "../market/fixture.test-support.ts";
import { Dialer } from "../wire/dialer.ts";
import { type Hello, helloFrame, writeHello } from "../wire/hello.ts";
import { Listener } from "../wire/listener.ts";
import type { CatalogConfig, ProcessEvent, ProcessHost, RunningProcess } from "../wire/process.ts";
import {
  type Answered,
  type Freshness,
  type Inquiry,
  readAnswers,
  serviceFrames,
  writeQuestions,
} from "../wire/service.ts";
import { FakeFeed } from "./fake-feed.test-support.ts";
import { decodeItems, History } from "./history.test-support.ts";
import { startCatalog } from "./main.ts";

const cluster = "c";
/** So long that no replica is ever found silent; so short that one is soon. */
const neverMs = 1_000_000;
const soonMs = 80;

async function freePort(): Promise<number> {
  const listener = await Listener.open({ host: "127.0.0.1", port: 0 }, () => ({
    frame: () => {},
    closed: () => {},
  }));
  const { port } = listener;
  await listener.close();
  return port;
}

/** A front-end's connection to a catalog. */
class Asking {
  readonly #dialer: Dialer;
  readonly #connected = Promise.withResolvers<void>();
  readonly #open = new Map<number, (answered: Answered) => void>();
  readonly lost = Promise.withResolvers<void>();
  #tickets = 0;

  constructor(port: number, role: Hello["role"] = "frontend") {
    this.#dialer = new Dialer(
      { host: "127.0.0.1", port },
      {
        connected: (connection) => {
          const hello = { cluster, role, name: `${role}-1`, id: 0, incarnation: 1 };
          connection.send(helloFrame, (body) => writeHello(body, hello));
          this.#connected.resolve();
        },
        frame: (_kind, body) => {
          for (const answered of readAnswers(body)) this.#open.get(answered.ticket)?.(answered);
        },
        lost: () => this.lost.resolve(),
        refused: () => {},
      },
    );
  }

  async ask(inquiry: Inquiry, freshness: Freshness = { kind: "stale" }): Promise<Answered> {
    await this.#connected.promise;
    const ticket = ++this.#tickets;
    const { promise, resolve } = Promise.withResolvers<Answered>();
    this.#open.set(ticket, resolve);
    const asked = { ticket, freshness, inquiry };
    this.#dialer.send(serviceFrames.ask, (body) => writeQuestions(body, [asked]));
    return promise;
  }

  async atLeast(at: number, inquiry: Inquiry) {
    const answered = await this.ask(inquiry, { kind: "at-least", position: position(at) });
    assert.ok(answered.kind === "rows", JSON.stringify(answered));
    return { position: answered.position, items: decodeItems(answered.rows) };
  }

  close(): void {
    this.#dialer.close();
  }
}

class World {
  readonly history = new History();
  readonly feeds: FakeFeed[] = [];
  readonly events: ProcessEvent[] = [];
  readonly #test: TestContext;
  port = 0;
  #keys = 0;

  constructor(test: TestContext) {
    this.#test = test;
    this.history.add({ kind: "found", definition: goods });
  }

  async openFeeds(count: number): Promise<void> {
    for (let id = 1; id <= count; id++) {
      const feed = await FakeFeed.open(this.history, cluster, id);
      this.#test.after(() => feed.close());
      this.feeds.push(feed);
    }
  }

  feed(id: number): FakeFeed {
    return present(this.feeds[id - 1], "a feed");
  }

  async start(id: number, silenceMs: number, port?: number): Promise<RunningProcess> {
    this.port = port ?? (await freePort());
    const config: CatalogConfig = {
      role: "catalog",
      name: `catalog-${id}`,
      id,
      cluster,
      orders: this.feeds.map(({ address }) => address),
      listen: { host: "127.0.0.1", port: this.port },
    };
    const host: ProcessHost = {
      emit: (event) => this.events.push(event),
      watched: true,
      cluster: () => Promise.reject(new Error("no catalog asks for the cluster")),
      fatal: (error) => assert.fail(String(error)),
    };
    const running = await startCatalog(config, host, silenceMs);
    this.#test.after(() => running.stop());
    return running;
  }

  asking(role?: Hello["role"]): Asking {
    const asking = new Asking(this.port, role);
    this.#test.after(() => asking.close());
    return asking;
  }

  /** One entry of the log, which every replica applies. Returns its position. */
  enter(...commands: Command[]): number {
    const entry = this.history.add(...commands);
    for (const feed of this.feeds) feed.tell();
    return entry.position;
  }

  buyLamp(): number {
    return this.enter(order(underKey(++this.#keys), "buy", named("Lamp", 1)));
  }

  get followed(): (string | undefined)[] {
    return this.events.map((event) => (event.kind === "feed-following" ? event.replica : undefined));
  }
}

const lamp: Inquiry = { kind: "item", item: "LAMP" };

test("a catalog that is ready has every item, and answers what is asked of items", async (t) => {
  const world = new World(t);
  await world.openFeeds(3);
  const running = await world.start(2, neverMs);
  assert.deepEqual(
    world.feeds.map(({ followers }) => followers),
    [0, 1, 0],
  );
  assert.deepEqual(
    world.feed(2).hellos.map(({ role, name }) => [role, name]),
    [["catalog", "catalog-2"]],
  );
  assert.deepEqual(world.followed, ["order-2"]);
  assert.equal(running.status().position, 1);
  const asking = world.asking();
  const { items } = world.history.last;
  const named = async (inquiry: Inquiry) => (await asking.atLeast(1, inquiry)).items;
  assert.deepEqual(await named(lamp), [items[0]]);
  assert.deepEqual(await named({ kind: "item", item: 2 }), [items[1]]);
  assert.deepEqual(await named({ kind: "item", item: "Unknown" }), []);
  assert.deepEqual(await named({ kind: "items", after: 0, limit: 9 }), items);
  assert.deepEqual(await named({ kind: "items", after: 1, limit: 1 }), [items[1]]);
  assert.deepEqual(await named({ kind: "items", topic: "home", after: 0, limit: 9 }), [items[0]]);
  assert.deepEqual(await named({ kind: "items", q: "LONG", after: 0, limit: 9 }), [items[1]]);
  assert.deepEqual(await asking.atLeast(1, { kind: "position" }), { position: 1, items: [] });
});

test("a question for at least a position waits for it, and a stale one does not", async (t) => {
  const world = new World(t);
  await world.openFeeds(1);
  await world.start(1, neverMs);
  const asking = world.asking();
  const later = asking.atLeast(3, lamp);
  const now = await asking.ask(lamp);
  assert.ok(now.kind === "rows" && now.position === 1);
  assert.equal(world.buyLamp(), 2);
  assert.equal(world.buyLamp(), 3);
  const told = await later;
  assert.equal(told.position, 3);
  assert.deepEqual(told.items, [world.history.last.items[0]]);
});

test("what only the leader or a replica knows is not answered by a catalog, and nobody else is served", async (t) => {
  const world = new World(t);
  await world.openFeeds(1);
  await world.start(1, neverMs);
  const asking = world.asking();
  const refused = { kind: "failed", code: "not-leader" };
  assert.partialDeepStrictEqual(await asking.ask(lamp, { kind: "latest" }), refused);
  assert.partialDeepStrictEqual(await asking.ask({ kind: "order", number: 0 }), refused);
  assert.partialDeepStrictEqual(await asking.ask({ kind: "orders", limit: 1 }), refused);
  await world.asking("catalog").lost.promise;
});

test("a catalog whose replica dies serves on and follows the next one", async (t) => {
  const world = new World(t);
  await world.openFeeds(3);
  await world.start(3, neverMs);
  const asking = world.asking();
  world.buyLamp();
  await asking.atLeast(2, lamp);
  await world.feed(3).close();
  const served = await asking.ask(lamp);
  assert.ok(served.kind === "rows" && served.position === 2);
  const at = world.buyLamp();
  assert.equal((await asking.atLeast(at, lamp)).position, at);
  assert.deepEqual(world.followed, ["order-3", "order-1"]);
});

test("a catalog leaves a replica that has fallen silent, and is not held up by another", async (t) => {
  const world = new World(t);
  await world.openFeeds(3);
  await world.start(1, soonMs);
  const asking = world.asking();
  world.feed(1).silent = true;
  world.feed(2).silent = true;
  const at = world.buyLamp();
  assert.equal((await asking.atLeast(at, lamp)).position, at);
  assert.ok(world.followed.includes("order-3"));
});

test("a catalog is not ready, and listens for nobody, before a replica has told it everything", async (t) => {
  const world = new World(t);
  await world.openFeeds(1);
  world.feed(1).silent = true;
  let ready = false;
  const starting = world.start(1, soonMs).then((running) => {
    ready = true;
    return running;
  });
  // It is followed and left again and again.
  while (world.feed(1).hellos.length < 2) await new Promise(setImmediate);
  assert.equal(ready, false);
  world.feed(1).silent = false;
  assert.equal((await starting).status().position, 1);
});

test("a port that is taken is told, and nothing stays behind", async (t) => {
  const world = new World(t);
  await world.openFeeds(1);
  const { port } = world.feed(1).address;
  await assert.rejects(world.start(1, neverMs, port), { code: "EADDRINUSE" });
  while (world.feed(1).followers > 0) await new Promise(setImmediate);
});
