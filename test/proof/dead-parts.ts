/**
 * Catalogs and front-ends die and stand still while shoppers shop at the public port with the command line's own `shop`:
 * no shopper sees an error, every order is found as it was acknowledged, the history is linearizable, and orders wait at
 * most about one lease for a front-end that stands still.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { integerBetween, seededRandom } from "../../src/base/random.ts";
import { formatVerdict, verifyHistory } from "../../src/check/main.ts";
import { monotonicNs } from "../../src/client/clock.ts";
import type { ShopReport } from "../../src/shopper/report.ts";
import { answerTimes, longestGapMs } from "../../src/torture/gaps.ts";
import { eventually, type Market } from "../processes/market.test-support.ts";
import { type Fault, gapsOf, pause, pauseMs } from "./faults.ts";
import type { Findings } from "./findings.ts";

export interface DeadPartsOptions {
  /** Faults are done, one kind after the other, until so much time is over. */
  readonly seconds: number;
  readonly clients: number;
  readonly rate: number;
  /**
   * After each fault, for connections to spread over the front-ends again: shoppers renew theirs every few seconds, and
   * where all of them were at one front-end, all would wait for it.
   */
  readonly restMs: number;
}

const entry = fileURLToPath(new URL("../../bin/bazaar.mjs", import.meta.url));
const leaseMs = 250;
/** What a shared machine of two cores may add to a gap. */
const noiseMs = 250;
/** No fault is begun when less time is left. */
const faultMsMax = 4_000;
/** For every order to be asked for once more, and the longest wait of a request. */
const leaveWithinMs = 120_000;
const toldCharacters = 4_000;
const rounded = (ms: number): number => Math.round(ms * 10) / 10;

const kinds = [
  "catalog paused",
  "front-end paused",
  "catalog killed",
  "front-end killed",
  "both catalogs killed",
] as const;

async function strike(market: Market, what: (typeof kinds)[number], random: () => number): Promise<void> {
  const one = integerBetween(random, 1, 2);
  switch (what) {
    case "catalog paused":
      return await pause(market, [`catalog-${one}`], pauseMs(random));
    case "front-end paused":
      return await pause(market, [`frontend-${one}`], pauseMs(random));
    case "catalog killed":
      return await market.kill(`catalog-${one}`);
    case "front-end killed":
      return await market.kill(`frontend-${one}`);
    case "both catalogs killed":
      return await market.kill("catalog-1", "catalog-2");
  }
}

/** `shop` as an operator would start it. */
class CommandLineShop {
  readonly child: ChildProcess;
  #said = "";
  #complained = "";

  constructor(market: Market, record: string, { clients, rate, seconds }: DeadPartsOptions) {
    const words = [
      "shop",
      "--url",
      market.url,
      "--json",
      "--alone",
      "--record",
      record,
      "--seconds",
      `${seconds}`,
    ];
    words.push("--mode", "mixed", "--p", "0.6", "--clients", `${clients}`, "--rate", `${rate}`);
    this.child = spawn(process.execPath, [entry, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.#complained += chunk.toString();
    });
  }

  /** It has verified its orders and printed its report. */
  async ended(): Promise<{ readonly code: number | null; readonly report: ShopReport }> {
    const ended = once(this.child, "close");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), leaveWithinMs);
    const [code] = (await ended) as [number | null];
    clearTimeout(timer);
    if (this.#said === "") throw new Error(`shop ended with ${code}: ${this.#complained}`);
    return { code, report: JSON.parse(this.#said) as ShopReport };
  }

  abandon(): void {
    if (this.child.exitCode === null) this.child.kill("SIGKILL");
  }
}

async function ordersOf(market: Market): Promise<number> {
  return Math.max(...(await market.status()).processes.map((row) => row.orders ?? 0));
}

export async function proveDeadParts(
  market: Market,
  options: DeadPartsOptions,
  findings: Findings,
): Promise<void> {
  await market.whole();
  const orders = await ordersOf(market);
  const record = market.file("history.jsonl");
  const random = seededRandom(1);
  const shop = new CommandLineShop(market, record, options);
  const faults: Fault[] = [];
  let ended: Awaited<ReturnType<CommandLineShop["ended"]>>;
  try {
    await eventually("shoppers to shop", async () => (await ordersOf(market)) > orders);
    const until = performance.now() + options.seconds * 1_000;
    for (let i = 0; ; i++) {
      const what = kinds[i % kinds.length] ?? "catalog paused";
      const restMs = random() * options.restMs + options.restMs / 2;
      if (performance.now() + restMs + faultMsMax > until) break;
      await sleep(restMs);
      const from = monotonicNs();
      await strike(market, what, random);
      await market.whole();
      faults.push({ what, from, to: monotonicNs(), alone: true });
    }
    ended = await shop.ended();
  } finally {
    shop.abandon();
  }
  const { code, report } = ended;
  const { errors, errorMessages, mismatchesTotal, mismatches } = report;
  findings.figure("faults", faults.length);
  findings.figure("orders placed", report.ordersPlaced);
  findings.figure("orders verified", report.ordersVerified);
  findings.figure("reads", report.requests.read?.count ?? 0);
  findings.figure("retries after a lost or silent connection", report.retriesLost);
  findings.figure("retries after 503 and 504", report.retries503 + report.retries504);
  findings.figure("slowest order, ms", rounded(report.requests.order?.maxMs ?? 0));
  findings.figure("slowest read, ms", rounded(report.requests.read?.maxMs ?? 0));
  findings.figure("longest write gap of the report, ms", rounded(report.writeGapMs));
  findings.need(code === 0, `shop ended with ${code}`);
  findings.need(errors === 0, `${errors} errors that a user would have seen: ${errorMessages.join("; ")}`);
  findings.need(mismatchesTotal === 0, `${mismatchesTotal} mismatches: ${JSON.stringify(mismatches)}`);
  findings.need(report.ordersVerified >= report.ordersPlaced, "not every order was verified");
  const verdict = await verifyHistory(record);
  findings.figure("anomalies", verdict.kind === "illegal" ? verdict.violationsTotal : 0);
  if (verdict.kind !== "ok") findings.faults.push(formatVerdict(verdict).slice(0, toldCharacters));
  const ends = answerTimes(await readFile(record, "utf8"));
  for (const kind of kinds) {
    const of = faults.filter(({ what }) => what === kind);
    const { p50, max } = gapsOf(of, ends);
    findings.figure(
      `write gap, ${kind}, ms`,
      `p50 ${rounded(p50)}, max ${rounded(max)} (${of.length} times)`,
    );
  }
  const gapMs = Math.max(report.writeGapMs, longestGapMs(ends));
  findings.timely(gapMs <= leaseMs + noiseMs, `nobody's order was answered for ${rounded(gapMs)} ms`);
  findings.none(await market.differences("--deep"));
}
