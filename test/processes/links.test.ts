/**
 * Links between processes are cut and slowed on purpose, by the command line's verbs, inside our own wire: the market
 * behaves as in a partition, and all of it is well again after `heal`.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { present } from "../../src/base/assert.ts";
import { call, dataOf } from "./http.test-support.ts";
import { Ledger } from "./ledger.test-support.ts";
import { eventually, Market } from "./market.test-support.ts";
import { Timeline } from "./timeline.test-support.ts";

/** P6 says "a second or so"; the rest is what a busy machine adds. */
const failoverMsMax = 5_000;
/** Leadership is handed over once in ten seconds, when it has been quiet for three. */
const highestLeadsWithinMs = 40_000;
const highest = "order-3";
const item = "BoarCo";
/** Looks at a front-end until it must have felt that something has changed. */
const looksMax = 15;

let started: Market | undefined;
let ledger: Ledger | undefined;
before(async () => {
  started = await Market.start({ frontends: 2 });
  ledger = new Ledger(started);
});
after(() => started?.close());
afterEach(() => done("heal"));

const theMarket = (): Market => present(started, "the market");

/** A verb that must succeed; resolves to what it said. */
async function done(verb: string, ...words: string[]): Promise<string> {
  const { code, stderr } = await theMarket().run(verb, ...words);
  assert.equal(code, 0, stderr);
  return stderr;
}

/** The replica that leads when nothing is wrong, and its followers. */
async function undisturbed(): Promise<{
  readonly followers: readonly [string, string];
  readonly term: number;
}> {
  await eventually(
    `${highest} to lead`,
    async () => (await theMarket().status()).leader === highest,
    highestLeadsWithinMs,
  );
  const { term } = await theMarket().whole();
  return { followers: ["order-1", "order-2"], term };
}

async function otherLeader(than: string): Promise<string> {
  return await eventually("another leader", async () => {
    const { leader } = await theMarket().status();
    return leader !== null && leader !== than ? leader : undefined;
  });
}

/** All is healed, every replica has the same state, and every acknowledged order is there. */
async function wellAgain(): Promise<void> {
  await done("heal");
  const { links } = await theMarket().whole();
  assert.equal(links, undefined);
  await theLedger().verify();
  assert.equal(await theMarket().differences("--deep"), "");
}

/** Of all orders, until the first test that orders without it. */
const theLedger = (): Ledger => present(ledger, "the ledger");

/** Milliseconds until each of some orders, one after the other, was answered: the median. */
async function orderMs(): Promise<number> {
  const took: number[] = [];
  for (let i = 0; i < 11; i++) {
    const answer = await theLedger().attempt();
    assert.equal(answer.status, 200, answer.body);
    took.push(answer.tookMs);
  }
  return present(took.sort((a, b) => a - b)[5], "the median");
}

test("a slow follower costs orders nothing, and a slow leader costs each of them its delay", async (t) => {
  const { followers } = await undisturbed();
  const calmMs = await orderMs();
  await done("slow", followers[0], "400");
  const followerMs = await orderMs();
  assert.match(await done("slow", followers[0], "0"), /slow no more/);
  await done("slow", highest, "50", "--loss", "0.01");
  const { links } = await theMarket().status();
  assert.deepEqual(links, { cuts: [], slows: [{ name: highest, delayMs: 50, loss: 0.01 }] });
  const leaderMs = await orderMs();
  t.diagnostic(`orders took ${[calmMs, followerMs, leaderMs].map(Math.round).join(", ")} ms`);
  assert.ok(followerMs < 400, `${followerMs} ms`);
  // There and back, from the front-end and to a follower.
  assert.ok(leaderMs >= 4 * 50, `${leaderMs} ms`);
  await wellAgain();
});

test("a follower that does not hear the leader deposes nobody, though it is heard", async () => {
  const market = theMarket();
  const { followers, term } = await undisturbed();
  const [deaf] = followers;
  await done("cut", "leader", deaf, "--one-way");
  await eventually("it to look for a leader", async () => (await market.process(deaf)).state === "candidate");
  await theLedger().place(2_000);
  const status = await market.status();
  assert.deepEqual([status.leader, status.term], [highest, term]);
  const position = (name: string): number =>
    status.processes.find((row) => row.name === name)?.position ?? Number.NaN;
  assert.ok(position(deaf) < position(highest));
  await wellAgain();
});

test("a leader that its followers do not reach steps down, though they hear it", async () => {
  const market = theMarket();
  const { followers } = await undisturbed();
  for (const follower of followers) await done("cut", follower, highest, "--one-way");
  await otherLeader(highest);
  await eventually(
    "the old one to step down",
    async () => (await market.process(highest)).state !== "leader",
  );
  await theLedger().place(1_000);
  assert.match((await market.run("status")).stdout, /what order-1 sends to order-3 does not arrive/);
  await wellAgain();
});

test("a leader that is cut off from both followers steps down, another one leads, and orders go on", async (t) => {
  const market = theMarket();
  const { followers } = await undisturbed();
  await theLedger().place(100);
  const timeline = await Timeline.watch(market);
  const began = performance.now();
  for (const follower of followers) await done("cut", highest, follower);
  const next = await otherLeader(highest);
  t.diagnostic(`another leader after ${Math.round(performance.now() - began)} ms, two verbs included`);
  assert.ok(performance.now() - began < failoverMsMax);
  await eventually(
    "the old one to step down",
    async () => (await market.process(highest)).state !== "leader",
  );
  await theLedger().place(2_000);
  const behind = await market.process(highest);
  const ahead = await market.process(next);
  assert.ok((behind.position ?? 0) < (ahead.position ?? 0), "nothing reaches it");
  const shown = await market.run("status");
  assert.match(shown.stdout, new RegExp(`${highest} and order-1 are cut off from each other`));

  // A process keeps its rules over its lives, and nobody hears of its end.
  await market.kill(highest);
  const again = await eventually("it to be back", async () => {
    const row = await market.process(highest);
    return row.life === "ready" && row.pid !== behind.pid && row.state === "candidate" && row;
  });
  await theLedger().place(1_000);
  assert.equal((await market.process(highest)).position, again.position);
  for (const follower of followers) {
    const lost = timeline.of(follower, "peer-lost").map(({ peer }) => peer);
    assert.ok(!lost.includes(highest), `${follower} noticed`);
  }
  assert.ok(timeline.of(highest, "link-cut").length >= 2);
  await wellAgain();
  assert.ok(timeline.of(highest, "links-healed").length > 0);
});

const partitions = [
  ["cut off from the leader", "frontend-2", highest],
  ["that the leader does not reach", highest, "frontend-2", "--one-way"],
  ["that does not reach the leader", "frontend-2", highest, "--one-way"],
] as const;

for (const [what, ...words] of partitions) {
  test(`a front-end ${what} shows nothing old, and recovers`, async (t) => {
    const market = theMarket();
    await undisturbed();
    const [near = "", far = ""] = await market.frontendUrls();
    const path = `/stocks/${item}`;
    const isCached = async (): Promise<boolean> => (await call(far + path)).headers.get("x-cache") === "hit";
    // Buys at the near one and then looks at the far one, as the only client: what is shown must be the latest.
    let left = Number(dataOf(await call(near + path)).quantity);
    const look = async (): Promise<"fresh" | "refused"> => {
      const bought = await call(`${near}/orders`, { body: { name: item, quantity: 1 } });
      assert.equal(bought.status, 200, bought.body);
      left--;
      const read = await call(far + path);
      if (read.status === 503) return "refused";
      assert.equal(dataOf(read).quantity, left);
      return "fresh";
    };
    await eventually("the far one to have it cached", isCached);
    await done("cut", ...words);
    let fresh = 0;
    while ((await look()) === "fresh") assert.ok(++fresh < looksMax, "the cut is not felt");
    const healed = done("heal");
    let refused = 1;
    while ((await look()) === "refused") assert.ok(++refused < looksMax, "it does not recover");
    await healed;
    for (let i = 0; i < 10; i++) assert.equal(await look(), "fresh");
    t.diagnostic(`${fresh} reads were fresh, ${refused} refused`);
    await eventually("the far one to have it cached again", isCached);
    const bought = await call(`${far}/orders`, { body: { name: item, quantity: 1 } });
    assert.equal(bought.status, 200, bought.body);
    assert.equal(dataOf(await call(near + path)).quantity, left - 1);
  });
}

test("what cannot be cut or slowed is refused in words", async () => {
  const market = theMarket();
  const refusals: readonly (readonly [code: number, said: RegExp, ...words: string[]])[] = [
    [1, /There is no process order-9; there are order-1, /, "cut", "order-1", "order-9"],
    [1, /There is no process frontend-3/, "cut", "frontend-3", "order-1"],
    [1, /order-1 cannot be cut off from itself/, "cut", "order-1", "order-1"],
    [1, /catalog-1 and catalog-2 never speak to each other/, "cut", "catalog-1", "catalog-2"],
    [1, /There is no process nobody/, "slow", "nobody", "5"],
    [2, /MS must be a whole number from 0 to 60000, not 1\.5/, "slow", "order-1", "1.5"],
    [2, /MS must be/, "slow", "order-1", "60001"],
    [2, /--loss must be a number from 0 to 0\.9/, "slow", "order-1", "5", "--loss", "1"],
    [2, /cut needs B/, "cut", "order-1"],
  ];
  for (const [code, said, verb = "", ...words] of refusals) {
    const ran = await market.run(verb, ...words);
    assert.deepEqual([ran.code, said.test(ran.stderr)], [code, true], ran.stderr);
  }
  assert.match(await done("heal"), /nothing was cut or slow/);
});
