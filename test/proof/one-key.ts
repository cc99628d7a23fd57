/** One Idempotency-Key, sent many times at once, across a leader's death and a restart of all: one order, one answer. */
import { type Answer, call, metric } from "../processes/http.test-support.ts";
import { eventually, type Market } from "../processes/market.test-support.ts";
import type { Findings } from "./findings.ts";

const item = "FishCo";
const body = { name: item, quantity: 3 };

async function orderCount(market: Market): Promise<number> {
  const { leader, processes } = await market.whole();
  return processes.find(({ name }) => name === leader)?.orders ?? Number.NaN;
}

async function stock(market: Market): Promise<number> {
  const answer = await call(`${market.url}/stocks/${item}`);
  return (JSON.parse(answer.body) as { data: { quantity: number } }).data.quantity;
}

const isFirst = ({ headers }: Answer): boolean => headers.get("idempotent-replayed") === undefined;

export async function proveOneKey(
  market: Market,
  { copies, rounds }: { readonly copies: number; readonly rounds: number },
  findings: Findings,
): Promise<void> {
  const url = `${market.url}/orders`;
  await market.whole();
  const stockBefore = await stock(market);
  const ordersBefore = await orderCount(market);
  const sent = new Map<string, Answer[]>();
  const send = (key: string, count: number): Promise<Answer[]> =>
    Promise.all(Array.from({ length: count }, () => call(url, { body, key })));

  for (let round = 0; round < rounds; round++) {
    const key = `one-key-${round}`;
    const leader = await market.leader();
    // Even rounds: no copy has reached the leader. Odd ones: it dies after it has answered some.
    if (round % 2 === 0) {
      await market.pause(leader);
      const answers = send(key, copies);
      await eventually("all copies under way", async () => {
        return (await metric(market.url, "bazaar_orders_pending")) >= copies;
      });
      await market.kill(leader);
      sent.set(key, await answers);
    } else {
      const answers = Array.from({ length: copies }, () => call(url, { body, key }));
      await Promise.race(answers);
      await market.kill(leader);
      sent.set(key, await Promise.all(answers));
    }
    await market.whole();
    sent.get(key)?.push(...(await send(key, copies)));
  }
  await market.stop();
  await market.up();
  await market.whole();
  for (const [key, answers] of sent) answers.push(...(await send(key, copies)));

  for (const [key, answers] of sent) judge(key, answers, findings);
  const total = [...sent.values()].flat();
  findings.figure("keys", sent.size);
  findings.figure("requests", total.length);
  findings.figure("answers", new Set(total.map((answer) => answer.body)).size);
  findings.figure("first answers", total.filter(isFirst).length);
  const placed = (await orderCount(market)) - ordersBefore;
  findings.need(placed === sent.size, `${sent.size} keys made ${placed} orders`);
  const taken = stockBefore - (await stock(market));
  findings.need(taken === sent.size * body.quantity, `${taken} units were taken for ${sent.size} orders`);

  const other = await call(url, { body: { ...body, quantity: 4 }, key: "one-key-0" });
  findings.need(
    other.status === 422 && other.body.includes("idempotency-key-reused"),
    `another body under a used key: ${other.status} ${other.body}`,
  );
  findings.none(await market.differences("--deep"));
}

function judge(key: string, answers: readonly Answer[], findings: Findings): void {
  const refused = answers.find(({ status }) => status !== 200);
  findings.need(refused === undefined, `${key}: ${refused?.status} ${refused?.body}`);
  const bodies = new Set(answers.map((answer) => answer.body));
  findings.need(bodies.size === 1, `${key} has several answers: ${[...bodies].slice(0, 3).join(" ")}`);
  const positions = new Set(answers.map(({ headers }) => headers.get("bazaar-position")));
  findings.need(positions.size === 1, `${key} has several positions: ${[...positions].join(" ")}`);
  // The first answer may have died with the leader, after the order was committed.
  const first = answers.filter(isFirst).length;
  findings.need(first <= 1, `${key}: ${first} answers claim to be the first`);
  const echoed = answers.every(({ headers }) => headers.get("idempotency-key") === key);
  findings.need(echoed, `${key} was not named in every answer`);
}
