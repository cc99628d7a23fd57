/** Memory stays flat as history grows, and a long history does not make the start slow. */
import { setTimeout as sleep } from "node:timers/promises";
import { call } from "../processes/http.test-support.ts";
import { eventually, type Market } from "../processes/market.test-support.ts";
import type { Findings } from "./findings.ts";

const ordersPerBatch = 1_000;
const batchesAtOnce = 4;
const firstOrders = 200_000;
/** Both measurements after the same rest: what is measured is what is kept, not what was just used. */
const restMs = 10_000;
const growthMiBMax = 100;
/** Measured so often on the way: a plateau tells itself from a slope. */
const steps = 4;
const startMsMax = 5_000;

/** Each batch gives back what it takes, so stock never runs out. */
const orders = Array.from({ length: ordersPerBatch }, (_, i) => ({
  lines: [{ id: ((i >> 1) % 10) + 1, quantity: 1 }],
  type: i % 2 === 0 ? "buy" : "sell",
}));

async function place(market: Market, count: number): Promise<void> {
  let left = Math.ceil(count / ordersPerBatch);
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const answer = await call(`${market.url}/orders/batch`, { body: { orders } });
      if (answer.status !== 200) throw new Error(`a batch was answered ${answer.status}: ${answer.body}`);
      const refused = (JSON.parse(answer.body) as { data: { error?: unknown }[] }).data.find(
        (one) => one.error,
      );
      if (refused !== undefined) throw new Error(`an order was refused: ${JSON.stringify(refused)}`);
    }
  };
  await Promise.all(Array.from({ length: batchesAtOnce }, lane));
}

/** MiB of each order replica. */
async function resident(market: Market): Promise<Map<string, number>> {
  await market.whole();
  await sleep(restMs);
  const replicas = (await market.status()).processes.filter(({ role }) => role === "order");
  return new Map(replicas.map(({ name, rssBytes = 0 }) => [name, Math.round(rssBytes / 2 ** 20)]));
}

export async function proveMemory(
  market: Market,
  { orders: total }: { readonly orders: number },
  findings: Findings,
): Promise<void> {
  const first = Math.min(firstOrders, total / 2);
  await place(market, first);
  const measured = [await resident(market)];
  let seconds = 0;
  for (let step = 0; step < steps; step++) {
    const began = performance.now();
    await place(market, (total - first) / steps);
    seconds += (performance.now() - began) / 1_000;
    measured.push(await resident(market));
  }
  findings.figure("orders", total);
  findings.figure("orders a second, in batches", Math.round((total - first) / seconds));
  for (const name of measured[0]?.keys() ?? []) {
    const curve = measured.map((replicas) => replicas.get(name) ?? 0);
    const grown = (curve.at(-1) ?? 0) - (curve[0] ?? 0);
    findings.figure(`${name}, MiB from ${first} to ${total} orders`, curve.join(" "));
    findings.need(grown <= growthMiBMax, `${name} grew by ${grown} MiB`);
  }
  await restart(market, total, findings);
  findings.none(await market.differences("--deep"));
}

async function restart(market: Market, total: number, findings: Findings): Promise<void> {
  await market.stop();
  const began = performance.now();
  const readyMs = Math.round(await market.up());
  await eventually("an order to be answered", async () => {
    return (await call(`${market.url}/orders`, { body: { name: "FishCo", quantity: 1 } })).status === 200;
  });
  const orderMs = Math.round(performance.now() - began);
  const last = await call(`${market.url}/orders/${total - 1}`);
  findings.need(last.status === 200, `order ${total - 1} after a restart: ${last.status} ${last.body}`);
  findings.figure("start until ready, ms", readyMs);
  findings.figure("start until an order was answered, ms", orderMs);
  findings.timely(orderMs <= startMsMax, `the start took ${orderMs} ms`);
}
