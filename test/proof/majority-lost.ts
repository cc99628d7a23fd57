/**
 * Two of three replicas gone: what was under way ends as "outcome unknown", what comes later is refused at once, reads
 * say that they cannot be fresh. When they are back, every unknown order is asked for again under the key that its
 * reply named, and is then one order each; what was refused has not happened.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { sessionLimits } from "../../src/frontend/limits.ts";
import { type Answer, call, dataOf, metric } from "../processes/http.test-support.ts";
import { eventually, type Market } from "../processes/market.test-support.ts";
import type { Findings } from "./findings.ts";

const item = "LanternWorks";
const body = { name: item, quantity: 1 };
/** From the loss on, an order that comes later than this is refused; the promise is of a few seconds. */
const refusedFromMs = 3_000;
const readWithinMs = 3_500;
const probeEveryMs = 200;

interface Sent {
  readonly afterMs: number;
  readonly answer: Answer;
}

export async function proveMajorityLost(
  market: Market,
  { orders }: { readonly orders: number },
  findings: Findings,
): Promise<void> {
  const url = `${market.url}/orders`;
  const itemUrl = `${market.url}/stocks/${item}`;
  await market.whole();
  const known = dataOf(await call(url, { body })).order_number;
  const before = dataOf(await call(itemUrl));
  const followers = await market.followers();

  const lostAt = performance.now();
  await market.pause(...followers);
  const underWay = Array.from({ length: orders }, (_, i) =>
    call(url, i % 2 === 0 ? { body } : { body, key: `own-${i}` }),
  );
  await eventually("all orders under way", async () => {
    return (await metric(market.url, "bazaar_orders_pending")) >= orders;
  });
  for (const name of followers) await market.hold(name);
  const probes = await probeUntilRefused(url, lostAt);
  await readsWithoutMajority(market, Number(known), findings);
  const answers = [...(await Promise.all(underWay)), ...probes.map(({ answer }) => answer)];
  judgeRefusals(probes, findings);

  for (const name of followers) await market.start(name);
  await market.whole();
  // The replicas know their leader; the front-end hears of it a moment later, and refuses until then.
  await eventually("the front-end to know the leader", async () => {
    return (await call(`${market.url}/leader`)).status === 200;
  });
  const unknown = answers.filter(({ status }) => status === 504);
  const numbers = await retried(url, unknown, findings);
  const certain = answers.filter(({ status }) => status === 200).length;
  const others = answers.filter(({ status }) => ![200, 503, 504].includes(status));
  findings.need(others.length === 0, `an order was answered ${others[0]?.status} ${others[0]?.body}`);
  const unkeyed = unknown.filter(({ headers }) => headers.get("idempotency-key")?.startsWith("bz-"));
  findings.need(unkeyed.length > 0, "no order without a key of its own had an unknown outcome");
  const happened = numbers.size + certain;
  const taken = Number(before.quantity) - Number(dataOf(await call(itemUrl)).quantity);
  findings.need(taken === happened, `${happened} orders happened and ${taken} units were taken`);
  findings.figure("orders under way when the majority was lost", orders);
  findings.figure("orders sent after it", probes.length);
  findings.figure("outcome unknown (504)", unknown.length);
  findings.figure("of them sent without a key", unkeyed.length);
  findings.figure("refused (503)", answers.filter(({ status }) => status === 503).length);
  findings.figure("different orders after the retries", numbers.size);
  findings.none(await market.differences("--deep"));
}

/** Send an order every now and then, without waiting for the one before, until they are refused at once. */
async function probeUntilRefused(url: string, lostAt: number): Promise<readonly Sent[]> {
  const probes: Promise<Sent>[] = [];
  let refusals = 0;
  await eventually("orders to be refused at once", async () => {
    const afterMs = performance.now() - lostAt;
    const probe = call(url, { body }).then((answer) => ({ afterMs, answer }));
    probes.push(probe);
    const first = await Promise.race([probe, sleep(probeEveryMs)]);
    refusals = first?.answer.status === 503 ? refusals + 1 : 0;
    return refusals >= 3;
  });
  return await Promise.all(probes);
}

function judgeRefusals(probes: readonly Sent[], findings: Findings): void {
  const last = probes.at(-1);
  findings.need(last?.answer.headers.get("retry-after") !== undefined, "a refusal has no Retry-After");
  const atOnce = probes.find(({ answer }) => answer.status === 503 && answer.tookMs < probeEveryMs);
  const fromMs = Math.round(atOnce?.afterMs ?? Number.POSITIVE_INFINITY);
  findings.figure("orders refused at once, ms after the loss", fromMs);
  findings.timely(fromMs <= refusedFromMs, `orders were refused at once only after ${fromMs} ms`);
}

async function readsWithoutMajority(market: Market, known: number, findings: Findings): Promise<void> {
  const itemUrl = `${market.url}/stocks/${item}`;
  const fresh = await call(itemUrl);
  findings.need(fresh.status === 503, `a read without a majority: ${fresh.status} ${fresh.body}`);
  findings.figure("a read's 503 took, ms", Math.round(fresh.tookMs));
  findings.timely(fresh.tookMs <= readWithinMs, `a read was refused only after ${fresh.tookMs} ms`);
  const stale = await call(`${itemUrl}?consistency=stale`);
  findings.need(
    stale.status === 200 && stale.headers.has("age") && stale.headers.has("bazaar-position"),
    `a stale read: ${stale.status} ${[...stale.headers].join(" ")}`,
  );
  const found = await call(`${market.url}/orders/${known}`);
  findings.need(found.status === 200, `a found order without a majority: ${found.status} ${found.body}`);
}

/**
 * Ask for each under the key of its reply, and once more after the front-end has told the market which answers may be
 * forgotten: the reply to a retry may be lost like any. Returns the orders' numbers.
 */
async function retried(url: string, unknown: readonly Answer[], findings: Findings): Promise<Set<unknown>> {
  const numbers = new Set<unknown>();
  const firsts = new Map<string, Answer>();
  for (const { headers } of unknown) {
    const key = headers.get("idempotency-key");
    if (key === undefined) {
      findings.faults.push("an answer of unknown outcome names no key");
      continue;
    }
    const first = await call(url, { body, key });
    findings.need(first.status === 200, `retried under ${key}: ${first.status} ${first.body}`);
    if (first.status === 200) numbers.add(dataOf(first).order_number);
    firsts.set(key, first);
  }
  await sleep(sessionLimits.acknowledgeMs * 2);
  for (const [key, first] of firsts) {
    const second = await call(url, { body, key });
    const replayed = second.body === first.body && second.headers.get("idempotent-replayed") === "true";
    findings.need(replayed, `retried again under ${key}: ${second.status} ${second.body}`);
  }
  findings.need(numbers.size === unknown.length, `${unknown.length} keys made ${numbers.size} orders`);
  return numbers;
}
