import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type FakeOptions, type FakeService, startFakeService } from "../client/fake-service.test-support.ts";
import { shop, startShop } from "./main.ts";
import { formatShopReport, shopExitCode } from "./report.ts";

async function fake(t: TestContext, options: FakeOptions = {}): Promise<FakeService> {
  const service = await startFakeService(options);
  t.after(() => service.close());
  return service;
}

test("a session looks up, orders, and verifies every own order", async (t) => {
  const { url, orders } = await fake(t);
  const report = await startShop({ url, clients: 3, iterations: 20, p: 1, sides: "buy" }).done;
  assert.equal(report.rounds, 60);
  assert.equal(report.requests.read?.count, 60);
  assert.equal(report.ordersPlaced, orders.length);
  assert(report.ordersVerified >= report.ordersPlaced);
  assert.equal(report.errors, 0);
  assert.equal(report.ordersInFlight, 0);
  assert.deepEqual(report.mismatches, []);
  assert.equal(shopExitCode(report), 0);
});

test("an item out of stock is looked up and not ordered", async (t) => {
  const { url } = await fake(t, { quantity: 0 });
  const report = await startShop({ url, clients: 1, iterations: 5, p: 1 }).done;
  assert.equal(report.requests.read?.count, 5);
  assert.equal(report.requests.order, undefined);
});

test("expected refusals are counted by reason and are no errors", async (t) => {
  const { url } = await fake(t, { quantity: 2 });
  const report = await startShop({
    url,
    clients: 1,
    iterations: 10,
    mode: "order",
    sides: "buy",
    quantity: { low: 3, high: 3 },
  }).done;
  assert.deepEqual(report.ordersRefused, { "insufficient-stock": 10 });
  assert.equal(report.errors, 0);
  assert.equal(shopExitCode(report), 0);
});

test("in a market that only sells, a mix becomes purchases", async (t) => {
  const { url, orders } = await fake(t, { sides: ["buy"] });
  const report = await startShop({
    url,
    clients: 1,
    iterations: 40,
    mode: "order",
    quantity: { low: 1, high: 1 },
  }).done;
  assert.deepEqual(report.ordersRefused, { "side-not-allowed": 1 });
  assert.equal(orders.length, 39);
});

test("the same seed makes the same orders", async (t) => {
  const run = async (seed: number): Promise<unknown[]> => {
    const { url, orders } = await fake(t);
    await startShop({ url, clients: 1, iterations: 15, mode: "order", items: "zipf", seed }).done;
    return orders;
  };
  assert.deepEqual(await run(7), await run(7));
  assert.notDeepEqual(await run(7), await run(8));
});

for (const [fact, lie] of Object.entries({
  quantity: (order: Record<string, unknown>) => ({
    ...order,
    lines: (order.lines as object[]).map((line) => ({ ...line, quantity: 11 })),
  }),
  side: (order: Record<string, unknown>) => ({ ...order, type: order.type === "buy" ? "sell" : "buy" }),
  "lost order": () => undefined,
})) {
  test(`a service that lies about an order (${fact}) is found out, and the exit code says so`, async (t) => {
    const { url } = await fake(t, { lie });
    const report = await startShop({ url, clients: 2, iterations: 5, p: 1, sides: "buy" }).done;
    assert(report.mismatchesTotal >= report.ordersPlaced);
    assert.equal(report.mismatches[0]?.what, "own-order");
    assert.equal(typeof report.mismatches[0]?.orderNumber, "number");
    assert.equal(shopExitCode(report), 3);
    assert.match(formatShopReport(report), /own-order: order \d+/);
  });
}

test("a lookup that shows an older position than an acknowledged order is found out", async (t) => {
  const { url } = await fake(t, { readPosition: () => 1 });
  const report = await startShop({ url, clients: 1, iterations: 20, p: 1, sides: "buy", items: ["FishCo"] })
    .done;
  assert.equal(report.mismatches[0]?.what, "backward-read");
  assert.equal(shopExitCode(report), 3);
});

test("dropped connections are retried under the same key: no errors, each order once", async (t) => {
  let requests = 0;
  const { url, orders } = await fake(t, {
    fault: ({ method }) => (method === "POST" && ++requests % 3 === 0 ? { kind: "drop-after" } : undefined),
  });
  const report = await startShop({
    url,
    clients: 2,
    iterations: 15,
    mode: "order",
    sides: "buy",
    quantity: { low: 1, high: 1 },
  }).done;
  assert.equal(orders.length, 30);
  assert.equal(report.ordersPlaced, 30);
  assert.equal(report.errors, 0);
  assert(report.retriesLost >= 10);
  assert(report.ordersReplayed >= 10);
});

test("what a user would see fail is an error with its message", async (t) => {
  const { url } = await fake(t, {
    fault: ({ method }) => (method === "POST" ? { kind: "status", status: 504 } : undefined),
  });
  const report = await startShop({ url, clients: 1, iterations: 2, mode: "order", deadlineMs: 40 }).done;
  assert.equal(report.errors, 2);
  assert.equal(report.ordersUnknown, 2);
  assert(report.retries504 > 0);
  assert.match(report.errorMessages[0] ?? "", /504/);
  assert.equal(shopExitCode(report), 1);
});

test("orders under way are counted while they are, and stop ends the shop", async (t) => {
  let hang = true;
  const { url, requests } = await fake(t, {
    fault: ({ method }) => (method === "POST" && hang ? { kind: "hang" } : undefined),
  });
  const running = startShop({ url, clients: 3, mode: "order", seconds: 600, quantity: { low: 1, high: 1 } });
  while (requests.filter(({ method }) => method === "POST").length < 3) await new Promise(setImmediate);
  assert.equal(running.inFlight(), 3);
  hang = false;
  running.stop();
  const report = await running.done;
  assert.equal(report.rounds, 3);
  assert.equal(running.inFlight(), 0);
  assert.equal(running.placed(), 3);
});

test("an abandoned shop ends at once, though nobody answers, and asks for nothing more", async (t) => {
  let hang = false;
  const { url, requests } = await fake(t, {
    fault: ({ method }) => (method === "POST" && hang ? { kind: "hang" } : undefined),
  });
  const running = startShop({ url, clients: 3, mode: "order", seconds: 600, quantity: { low: 1, high: 1 } });
  while (running.placed() < 10) await new Promise(setImmediate);
  hang = true;
  while (running.inFlight() < 3) await new Promise(setImmediate);
  const hanging = requests.length;
  const startedMs = performance.now();
  running.abandon();
  const report = await running.done;
  // An attempt would be given up after five seconds only, and then be made again.
  assert(performance.now() - startedMs < 2_000);
  assert.equal(running.inFlight(), 0);
  assert(requests.length <= hanging + 3, `${requests.length - hanging} requests more`);
  assert(report.errors >= 1 && report.errors <= 3, `${report.errors} errors`);
  assert(report.ordersVerified < report.ordersPlaced);
});

test("a shop that is abandoned before it could begin says so", async (t) => {
  const { url } = await fake(t, { fault: () => ({ kind: "hang" }) });
  const running = startShop({ url });
  running.abandon();
  await assert.rejects(running.done, /the client was closed/);
});

test("query mode places a few orders and then only asks for them", async (t) => {
  const { url, orders } = await fake(t);
  const report = await startShop({
    url,
    clients: 1,
    iterations: 30,
    mode: "query",
    sides: "buy",
    quantity: { low: 1, high: 1 },
  }).done;
  assert.equal(orders.length, 10);
  assert((report.requests.query?.count ?? 0) >= 30);
});

test("the recording has a line for each operation", async (t) => {
  const { url } = await fake(t);
  const folder = await mkdtemp(join(tmpdir(), "bazaar-shop-"));
  t.after(() => rm(folder, { recursive: true }));
  const record = join(folder, "history.jsonl");
  const report = await startShop({ url, clients: 4, iterations: 25, record, alone: true }).done;
  const [header, ...lines] = (await readFile(record, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.equal(header.complete, true);
  assert.equal(header.initial.length, 3);
  const count = (op: string): number => lines.filter((line) => line.op === op).length;
  assert.equal(count("read"), report.requests.read?.count);
  assert.equal(count("order"), report.requests.order?.count);
  assert.equal(count("query"), report.requests.query?.count);
});

test("the report is told as text or as JSON", async (t) => {
  const { url } = await fake(t);
  let told = "";
  const data = (text: string): void => {
    told += text;
  };
  const output = { data, progress: () => {} };
  const report = await shop({ url, clients: 1, iterations: 2, json: true }, output);
  assert.deepEqual(JSON.parse(told), report);
  told = "";
  await shop({ url, clients: 1, iterations: 2 }, output);
  assert.match(told, /^1 clients, mode session, seed 1: 2 rounds/);
});

test("faulty options and unknown items are refused", async (t) => {
  const { url } = await fake(t);
  assert.throws(() => startShop({ url, clients: 0, p: 2 }), /clients must be .*; p must be/);
  await assert.rejects(startShop({ url, items: ["NoCo"] }).done, /no item NoCo/);
});
