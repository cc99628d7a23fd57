/**
 * How many orders a second, beside a bare `node:http` server in the same run.
 *
 *     npm run bench [-- --rounds 3 --seconds 4]
 *
 * Machines differ and are noisy: only the ratios within one run say something.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { batches, type Load, type Measured, measure, requireWrk, singleOrders } from "./load.ts";
import { type MarketRound, marketRound } from "./market-round.ts";
import { median, round } from "./numbers.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, seconds: { type: "string", default: "4" } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = 64;
const ordersPerBatch = 1_000;

await requireWrk();

async function bareRound(load: Omit<Load, "url">): Promise<Measured> {
  const server = fork(fileURLToPath(new URL("./bare-server.ts", import.meta.url)));
  const [{ port }] = (await once(server, "message")) as [{ port: number }];
  try {
    const url = `http://127.0.0.1:${port}/orders`;
    await measure({ ...load, url, seconds: 1 });
    return await measure({ ...load, url });
  } finally {
    server.disconnect();
    await once(server, "exit");
  }
}

const single = { connections, seconds, script: singleOrders };
const batch = { connections: 4, seconds, script: batches(ordersPerBatch) };
const bare: Measured[] = [];
const orders: MarketRound[] = [];
const batched: MarketRound[] = [];
for (let i = 0; i < rounds; i++) {
  bare.push(await bareRound(single));
  orders.push(await marketRound("/orders", single));
  batched.push(await marketRound("/orders/batch", batch));
  const last = orders.at(-1);
  console.error(
    `round ${i + 1}: bare ${round(bare.at(-1)?.requestsPerSecond ?? 0)}/s, orders ${round(last?.requestsPerSecond ?? 0)}/s`,
  );
}

const of = (measured: readonly Measured[], pick: (m: Measured) => number): number =>
  median(measured.map(pick));
const bareRate = of(bare, (m) => m.requestsPerSecond);
const rate = of(orders, (m) => m.requestsPerSecond);
const batchRate = of(batched, (m) => m.requestsPerSecond) * ordersPerBatch;
console.log(`medians of ${rounds} rounds of ${seconds} s, everything on this machine`);
console.log(`bare node:http POST, ${connections} connections   ${round(bareRate)}/s`);
console.log(
  `POST /orders, ${connections} connections          ${round(rate)}/s  ${(rate / bareRate).toFixed(2)} of bare` +
    `  p50 ${of(orders, (m) => m.p50Ms).toFixed(2)} ms  p99 ${of(orders, (m) => m.p99Ms).toFixed(2)} ms` +
    `  errors ${orders.reduce((sum, m) => sum + m.errors, 0)}`,
);
console.log(
  `POST /orders/batch of ${ordersPerBatch}, 4 connections  ${round(batchRate)} orders/s` +
    `  p99 ${of(batched, (m) => m.p99Ms).toFixed(2)} ms  errors ${batched.reduce((sum, m) => sum + m.errors, 0)}`,
);
console.log("CPU per single order, µs:");
for (const [name] of orders[0]?.cpu ?? []) {
  console.log(`  ${name.padEnd(12)} ${median(orders.map((m) => m.cpu.get(name) ?? 0)).toFixed(1)}`);
}
