/**
 * Long proofs of the promises, on real processes:
 *
 *     npm run proof -- leader-kills [--seconds 120 --clients 8 --rate 2000 --kills 20]
 *     npm run proof -- one-key
 *     npm run proof -- pauses [--times 20]
 *     npm run proof -- memory [--orders 2000000]
 *     npm run proof -- majority-lost
 *
 * Each prints a report (`--json`) and exits with 0, or with 3 if a promise was broken or kept too slowly. Short forms
 * of them are in `npm test` (test/processes/).
 */
import { parseArgs } from "node:util";
import { Market } from "../processes/market.test-support.ts";
import { Findings, formatProof, type ProofReport, proofExitCode } from "./findings.ts";
import { killEverything, killLeaders } from "./kills.ts";
import { proveMajorityLost } from "./majority-lost.ts";
import { proveMemory } from "./memory.ts";
import { proveOneKey } from "./one-key.ts";
import { provePauses } from "./pauses.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "120" },
    clients: { type: "string", default: "8" },
    rate: { type: "string", default: "2000" },
    kills: { type: "string", default: "20" },
    times: { type: "string", default: "20" },
    orders: { type: "string", default: "2000000" },
    json: { type: "boolean", default: false },
  },
});
const load = { clients: Number(values.clients), rate: Number(values.rate) };
const everythingTimes = 5;
const pauseSeconds = 5;

/** A proof on a market of its own. */
async function prove(
  name: string,
  proof: (market: Market, findings: Findings) => Promise<void>,
): Promise<ProofReport> {
  const findings = new Findings(name);
  const market = await Market.start();
  try {
    await proof(market, findings);
  } finally {
    await market.close();
  }
  return findings.report;
}

const proofs: Readonly<Record<string, () => Promise<ProofReport[]>>> = {
  "leader-kills": async () => [
    await prove("leader-kills", (market, findings) =>
      killLeaders(
        market,
        { ...load, seconds: Number(values.seconds), times: Number(values.kills) },
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
      proveMemory(market, { orders: Number(values.orders) }, findings),
    ),
  ],
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
