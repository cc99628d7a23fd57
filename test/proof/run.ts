/**
 * Long proofs of the promises, on real processes:
 *
 *     npm run proof -- leader-kills [--seconds 120 --clients 8 --rate 2000 --kills 20]
 *     npm run proof -- one-key
 *     npm run proof -- pauses [--times 20]
 *     npm run proof -- memory [--orders 2000000]
 *     npm run proof -- majority-lost
 *     npm run proof -- front-ends [--orders 100000 --pauses 200 --kills 40 --transfers 6 --only NAME]
 *     npm run proof -- catch-up [--orders 100000]
 *     npm run proof -- dead-parts [--seconds 120]
 *
 * Each prints a report (`--json`) and exits with 0, or with 3 if a promise was broken or kept too slowly. Short forms
 * of them are in `npm test` (test/processes/).
 */
import { parseArgs } from "node:util";
import { Market, type MarketOptions } from "../processes/market.test-support.ts";
import { shortLog } from "../processes/recovery.test-support.ts";
import { proveCatchUp } from "./catch-up.ts";
import { proveDeadParts } from "./dead-parts.ts";
import { Findings, formatProof, type ProofReport, proofExitCode } from "./findings.ts";
import { proveKilledLeaders, provePausedParts, proveTransfers, proveUndisturbed } from "./front-ends.ts";
import { killEverything, killLeaders } from "./kills.ts";
import { proveMajorityLost } from "./majority-lost.ts";
import { proveMemory } from "./memory.ts";
import { proveOneKey } from "./one-key.ts";
import { provePauses } from "./pauses.ts";
import { Wares } from "./wares.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "120" },
    clients: { type: "string", default: "8" },
    rate: { type: "string", default: "2000" },
    kills: { type: "string" },
    times: { type: "string", default: "20" },
    orders: { type: "string" },
    pauses: { type: "string", default: "200" },
    transfers: { type: "string", default: "6" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const load = { clients: Number(values.clients), rate: Number(values.rate) };
const everythingTimes = 5;
const pauseSeconds = 5;

type Proof = (market: Market, findings: Findings) => Promise<void>;

/** A proof on a market of its own. */
async function prove(name: string, proof: Proof, options: MarketOptions = {}): Promise<ProofReport> {
  const findings = new Findings(name);
  const market = await Market.start(options);
  try {
    await proof(market, findings);
  } finally {
    await market.close();
  }
  return findings.report;
}

async function proveWithWares(name: string, proof: Proof): Promise<ProofReport> {
  const wares = new Wares();
  try {
    return await prove(name, proof, wares.options);
  } finally {
    wares.close();
  }
}

/** Each on a market of its own with two front-ends; what is found is told at once, for they take long. */
async function frontEndProofs(): Promise<ProofReport[]> {
  const pauses = Number(values.pauses);
  const some = (share: number): number => Math.round(pauses * share);
  const counts = {
    leader: some(0.25),
    "front-end": some(0.3),
    "leader and front-end": some(0.2),
    catalog: some(0.25),
  };
  const many = { writers: 32, readers: 8, couriers: 4, restlessEveryMs: 10, falsify: true };
  const pace = { rate: 500, readRate: 300, restlessEveryMs: 25 };
  const paced = { writers: 16, readers: 4, couriers: 2, ...pace, falsify: true };
  const runs: Readonly<Record<string, Proof>> = {
    undisturbed: (market, findings) =>
      proveUndisturbed(market, { ...many, orders: Number(values.orders ?? 100_000) }, findings),
    pauses: (market, findings) => provePausedParts(market, { ...paced, counts }, findings),
    "leader-kills": (market, findings) =>
      proveKilledLeaders(market, { ...paced, kills: Number(values.kills ?? 40) }, findings),
    transfers: (market, findings) =>
      proveTransfers(market, { ...paced, transfers: Number(values.transfers) }, findings),
  };
  const reports: ProofReport[] = [];
  for (const [run, proof] of Object.entries(runs)) {
    if (values.only !== undefined && values.only !== run) continue;
    const report = await proveWithWares(`front-ends, ${run}`, proof);
    console.error(formatProof(report));
    reports.push(report);
  }
  return reports;
}

const proofs: Readonly<Record<string, () => Promise<ProofReport[]>>> = {
  "leader-kills": async () => [
    await prove("leader-kills", (market, findings) =>
      killLeaders(
        market,
        { ...load, seconds: Number(values.seconds), times: Number(values.kills ?? 20) },
        findings,
      ),
    ),
    await prove("everything-killed", (market, findings) =>
      killEverything(
        market,
        { ...load, seconds: Number(values.seconds) / 4, times: everythingTimes },
        findings,
      ),
    ),
  ],
  "one-key": async () => [
    await prove("one-key", (market, findings) => proveOneKey(market, { copies: 200, rounds: 4 }, findings)),
  ],
  pauses: async () => [
    await prove("pauses", (market, findings) =>
      provePauses(market, { ...load, times: Number(values.times), seconds: pauseSeconds }, findings),
    ),
  ],
  memory: async () => [
    await prove("memory", (market, findings) =>
      proveMemory(market, { orders: Number(values.orders ?? 2_000_000) }, findings),
    ),
  ],
  "front-ends": frontEndProofs,
  "catch-up": async () => {
    const orders = Number(values.orders ?? 100_000);
    const run = (by: "log" | "copy", options: MarketOptions): Promise<ProofReport> => {
      const proof: Proof = (market, findings) => proveCatchUp(market, { orders, by }, findings);
      return prove(`catch-up, by ${by}`, proof, options);
    };
    return [await run("log", {}), await run("copy", shortLog)];
  },
  "dead-parts": async () => {
    const shop = { seconds: Number(values.seconds), clients: 16, rate: 400, restMs: 4_000 };
    return [await proveWithWares("dead-parts", (market, findings) => proveDeadParts(market, shop, findings))];
  },
  "majority-lost": async () => [
    await prove("majority-lost", (market, findings) => proveMajorityLost(market, { orders: 100 }, findings)),
  ],
};

const [name = ""] = positionals;
const run = Object.hasOwn(proofs, name) ? proofs[name] : undefined;
if (run === undefined) {
  console.error(`Say which: ${Object.keys(proofs).join(", ")}.`);
  process.exit(2);
}
const reports = await run();
process.stdout.write(
  values.json ? `${JSON.stringify(reports, undefined, 2)}\n` : reports.map(formatProof).join("\n"),
);
process.exitCode = Math.max(...reports.map(proofExitCode));
