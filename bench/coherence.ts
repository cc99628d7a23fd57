/**
 * What coherent caches cost orders: two front-ends with their caches on, beside two with them off, in turn.
 *
 *     npm run bench:coherence [-- --rounds 5 --seconds 4]
 *
 * Machines differ and are noisy: only the ratio says something.
 */
import { parseArgs } from "node:util";
import { requireWrk, singleOrders } from "./load.ts";
import { type MarketRound, marketRound } from "./market-round.ts";
import { median, round } from "./numbers.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, seconds: { type: "string", default: "4" } },
});
const rounds = Number(values.rounds);
const load = { connections: 64, seconds: Number(values.seconds), script: singleOrders };

await requireWrk();

const on: MarketRound[] = [];
const off: MarketRound[] = [];
for (let i = 0; i < rounds; i++) {
  on.push(await marketRound("/orders", load, { frontends: 2, cache: 64 }));
  off.push(await marketRound("/orders", load, { frontends: 2, cache: "off" }));
  console.error(
    `round ${i + 1}: on ${round(on.at(-1)?.requestsPerSecond ?? 0)}/s, off ${round(off.at(-1)?.requestsPerSecond ?? 0)}/s`,
  );
}

function tell(name: string, measured: readonly MarketRound[]): number {
  const rate = median(measured.map((m) => m.requestsPerSecond));
  const p50 = median(measured.map((m) => m.p50Ms)).toFixed(2);
  const p99 = median(measured.map((m) => m.p99Ms)).toFixed(2);
  const errors = measured.reduce((sum, m) => sum + m.errors, 0);
  console.log(`${name}  ${round(rate)} orders/s  p50 ${p50} ms  p99 ${p99} ms  errors ${errors}`);
  return rate;
}

console.log(
  `medians of ${rounds} rounds of ${load.seconds} s, two front-ends, ${load.connections} connections`,
);
const withCaches = tell("caches on ", on);
const without = tell("caches off", off);
console.log(`on/off ${(withCaches / without).toFixed(2)}`);
console.log("CPU per order, µs: on, off");
for (const [name] of on[0]?.cpu ?? []) {
  const [a, b] = [on, off].map((all) => median(all.map((m) => m.cpu.get(name) ?? 0)).toFixed(1));
  console.log(`  ${name.padEnd(12)} ${a}  ${b}`);
}
