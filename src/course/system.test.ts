/** The published protocol's processes as they are started, over TCP and files, undisturbed but for clean stops. */
import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { MarketDefinition } from "../market/definition.ts";
import { Listener } from "../wire/listener.ts";
import type { ProcessEvent, ProcessHost, RunningProcess, ServiceAddress } from "../wire/process.ts";
import { startCourseCatalog } from "./catalog.ts";
import { startCourseFrontend } from "./frontend.ts";
import { startCourseOrder } from "./order.ts";

const cluster = "c";
const log = "course";
const market: MarketDefinition = {
  name: "fish",
  resource: "stocks",
  currency: "USD",
  sides: ["buy", "sell"],
  maxQuantity: 20,
  items: [
    { name: "FishCo", priceMinor: 17_99, quantity: 10 },
    { name: "BoarCo", priceMinor: 28_59, quantity: 10 },
  ],
};

async function freeAddress(name: string, id: number): Promise<ServiceAddress> {
  const listener = await Listener.open({ host: "127.0.0.1", port: 0 }, () => ({
    frame: () => undefined,
    closed: () => undefined,
  }));
  const { port } = listener;
  await listener.close();
  return { name, id, host: "127.0.0.1", port };
}

class System {
  readonly folder: string;
  readonly events: ProcessEvent[] = [];
  readonly #addresses: { readonly [name: string]: ServiceAddress };
  readonly #running = new Map<string, RunningProcess>();

  private constructor(folder: string, addresses: { readonly [name: string]: ServiceAddress }) {
    this.folder = folder;
    this.#addresses = addresses;
  }

  static async start(t: TestContext): Promise<System> {
    const folder = await mkdtemp(join(tmpdir(), "bazaar-course-"));
    const addresses: Record<string, ServiceAddress> = {};
    for (const id of [1, 2, 3]) addresses[`order-${id}`] = await freeAddress(`order-${id}`, id);
    for (const name of ["catalog-1", "frontend-1"]) addresses[name] = await freeAddress(name, 1);
    const system = new System(folder, addresses);
    t.after(async () => {
      await Promise.all([...system.#running.keys()].map((name) => system.stop(name)));
      await rm(folder, { recursive: true, force: true });
    });
    const orders = [1, 2, 3].map((id) => system.startOrder(id));
    await Promise.all([system.startCatalog(), ...orders]);
    const reached = { orders: system.orders, catalog: system.address("catalog-1") };
    const own = { name: "frontend-1", id: 1, listen: system.address("frontend-1") };
    const config = { log, role: "frontend", ...own, cluster, ...reached, cache: 1, market } as const;
    system.#running.set("frontend-1", await startCourseFrontend(config, system.#host));
    return system;
  }

  get orders(): readonly ServiceAddress[] {
    return [1, 2, 3].map((id) => this.address(`order-${id}`));
  }

  address(name: string): ServiceAddress {
    const address = this.#addresses[name];
    assert.ok(address !== undefined, name);
    return address;
  }

  async startCatalog(): Promise<void> {
    const [name, id, listen] = ["catalog-1", 1, this.address("catalog-1")] as const;
    const config = {
      log,
      role: "catalog",
      name,
      id,
      cluster,
      listen,
      directory: join(this.folder, name),
    } as const;
    this.#running.set(name, await startCourseCatalog({ ...config, market }, this.#host));
  }

  async startOrder(id: number): Promise<void> {
    const name = `order-${id}`;
    const where = {
      orders: this.orders,
      catalog: this.address("catalog-1"),
      directory: join(this.folder, name),
    };
    const config = { log, role: "order", name, id, cluster, ...where } as const;
    this.#running.set(name, await startCourseOrder(config, this.#host));
  }

  async stop(name: string): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    await running?.stop();
  }

  status(name: string) {
    return this.#running.get(name)?.status();
  }

  file(name: string): Promise<string> {
    return readFile(join(this.folder, name, "orders.log"), "utf8");
  }

  async call(path: string, order?: unknown) {
    const { host, port } = this.address("frontend-1");
    const body = order === undefined ? {} : { method: "POST", body: JSON.stringify(order) };
    const reply = await fetch(`http://${host}:${port}${path}`, body);
    const { data, error } = JSON.parse(await reply.text());
    return { status: reply.status, data, error, headers: reply.headers };
  }

  get #host(): ProcessHost {
    return {
      emit: (event) => this.events.push(event),
      watched: false,
      cluster: () => Promise.reject(new Error("there is no supervisor")),
      fatal: (error) => assert.fail(String(error)),
    };
  }
}

/** Best effort has no acknowledgement to wait for. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!(await holds())) {
    assert.ok(performance.now() < endMs, `waited in vain until ${what}`);
    await sleep(5);
  }
}

test("it serves the public API's subset, and claims no position", async (t) => {
  const system = await System.start(t);
  const first = await system.call("/stocks/FishCo");
  assert.equal(first.headers.get("x-cache"), "miss");
  assert.equal(first.headers.get("bazaar-position"), null);
  assert.deepEqual(
    [first.data.id, first.data.price, first.data.quantity, first.data.volume],
    [1, 17.99, 10, 0],
  );
  assert.equal((await system.call("/stocks/FishCo")).headers.get("x-cache"), "hit");

  const order = await system.call("/api/orders", { name: "FishCo", quantity: 4 });
  assert.deepEqual([order.status, order.data.order_number, order.data.total], [200, 0, 71.96]);
  assert.equal(order.headers.get("bazaar-position"), null);
  const changed = await system.call("/stocks/FishCo");
  assert.deepEqual([changed.data.quantity, changed.headers.get("x-cache")], [6, "miss"]);
  await system.call("/stocks/BoarCo");
  assert.equal(
    (await system.call("/stocks/FishCo")).headers.get("x-cache"),
    "miss",
    "the cache holds one item",
  );

  assert.equal((await system.call("/orders/0")).data.quantity, 4);
  assert.equal((await system.call("/orders/1")).error.reason, "order-not-found");
  const short = await system.call("/orders", { name: "FishCo", quantity: 7 });
  assert.deepEqual([short.status, short.error.reason, short.error.available], [409, "insufficient-stock", 6]);
  const tooMany = await system.call("/orders", { name: "FishCo", quantity: 15, type: "sell" });
  assert.equal(tooMany.error.reason, "max-quantity-exceeded");
  assert.equal((await system.call("/orders", { name: "Nope", quantity: 1 })).status, 404);
  assert.equal((await system.call("/orders", { name: "FishCo", quantity: 0 })).status, 400);
  assert.equal((await system.call("/stocks/Nope")).status, 404);
  assert.equal((await system.call("/stocks")).data.length, 2);
  assert.equal((await system.call("/leader")).data.leader, "order-3");
});

test("the next highest leads when the leader is gone, and a replica that returns asks for what it missed", async (t) => {
  const system = await System.start(t);
  const buy = async (expected: number): Promise<void> => {
    const { data } = await system.call("/orders", { name: "FishCo", quantity: 1 });
    assert.equal(data?.order_number, expected);
  };
  await buy(0);
  await until("the followers have the order", async () => {
    return (await system.file("order-1").catch(() => "")) === (await system.file("order-3"));
  });
  await system.stop("order-3");
  await buy(1);
  assert.equal((await system.call("/leader")).data.leader, "order-2");
  await system.startOrder(3);
  assert.equal(await system.file("order-3"), await system.file("order-2"));
  await until("the follower is told who leads", () => system.status("order-2")?.state === "leader");
  await buy(2);
  await until("the returned replica has the new order", () => system.status("order-3")?.orders === 3);
  assert.equal(system.status("order-3")?.stateHash, system.status("order-2")?.stateHash);
});

test("the stock survives the catalog's restart, and a line that a kill has torn is left out with a warning", async (t) => {
  const system = await System.start(t);
  await system.call("/orders", { name: "BoarCo", quantity: 3 });
  await system.stop("catalog-1");
  await system.startCatalog();
  await until(
    "the catalog is reached again",
    async () => (await system.call("/stocks/BoarCo")).status === 200,
  );
  assert.equal((await system.call("/stocks/BoarCo")).data.quantity, 7);

  await until("the follower has it", () => system.status("order-1")?.orders === 1);
  await system.stop("order-1");
  await appendFile(join(system.folder, "order-1", "orders.log"), '{"number":1,"na');
  await system.startOrder(1);
  assert.equal(system.status("order-1")?.orders, 1);
  assert.ok(system.events.some(({ kind }) => kind === "warning"));
});
