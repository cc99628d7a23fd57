/**
 * Several front-ends, each with a cache of its own, are as one copy: whatever one of them has shown, the others show
 * too, also before the order that made it was answered, and also when processes stand still, die, or hand over
 * leadership. Everything that was seen is one history, which is judged; then the very same history is falsified in
 * several ways, and each falsification must be noticed.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { present } from "../../src/base/assert.ts";
import { seededRandom } from "../../src/base/random.ts";
import { formatVerdict, verifyHistory } from "../../src/check/main.ts";
import { monotonicNs } from "../../src/client/clock.ts";
import { Crowd, type CrowdOptions } from "../../src/torture/crowd.ts";
import { longestGapMs, quantile } from "../../src/torture/gaps.ts";
import { Witness } from "../../src/torture/witness.ts";
import { eventually, type Market } from "../processes/market.test-support.ts";
import { Timeline } from "../processes/timeline.test-support.ts";
import { needFalsifiable } from "./falsify.ts";
import { type Fault, gapsOf, type PauseTarget, pause, pauseAtRandom, pauseTargets, plan } from "./faults.ts";
import type { Findings } from "./findings.ts";

/** Violations told of a history. */
const toldCharacters = 4_000;
/** What a shared machine of two cores may add to a gap. */
const noiseMs = 250;
const leaseMs = 250;
/** P6: "a second or so". */
const failoverMsMax = 2_000;
const transferWithinMs = 40_000;
const aroundMs = 1_000;
/**
 * How long a front-end stands still, and from when on the leader is killed: long enough for the next leader to be at work,
 * and about as short as the lease. Those are the front-ends that would still answer from their caches.
 */
const stillMsMin = 120;
const stillMsMax = 280;
const stillBeforeMs = 20;

const rounded = (ms: number): number => Math.round(ms * 10) / 10;

export interface AmongOptions extends CrowdOptions {
  /** Whether copies of the history are falsified: it must be long enough to give the occasions. */
  readonly falsify: boolean;
}

/** Break things while the crowd is there, and judge all that it saw. `breakIt` returns what it did. */
async function among(
  market: Market,
  options: AmongOptions,
  findings: Findings,
  breakIt: (crowd: Crowd, witness: Witness) => Promise<readonly Fault[]>,
): Promise<{ readonly witness: Witness; readonly faults: readonly Fault[] }> {
  const { resource, processes } = await market.whole();
  const record = market.file("history.jsonl");
  const nextNumber = Math.max(...processes.map(({ orders = 0 }) => orders));
  const urls = await market.frontendUrls();
  const witness = await Witness.begin({ urls, resource, file: record, nextNumber });
  const crowd = new Crowd(witness, options);
  const began = monotonicNs();
  let faults: readonly Fault[];
  let seconds: number;
  try {
    await crowd.progress(1);
    faults = await breakIt(crowd, witness);
    seconds = (monotonicNs() - began) / 1e9;
    await crowd.stop();
  } catch (error) {
    crowd.abandon();
    throw error;
  } finally {
    await witness.end();
  }
  witness.answered.sort((a, b) => a - b);
  tell(witness, crowd, seconds, findings);
  const { errorsTotal, errors } = witness;
  findings.need(errorsTotal === 0, `${errorsTotal} errors that a user would have seen: ${errors.join("; ")}`);
  const verdict = await verifyHistory(record);
  findings.figure("anomalies", verdict.kind === "illegal" ? verdict.violationsTotal : 0);
  if (verdict.kind !== "ok") findings.faults.push(formatVerdict(verdict).slice(0, toldCharacters));
  else {
    findings.figure("operations judged", verdict.operations);
    if (options.falsify) needFalsifiable(await readFile(record, "utf8"), true, findings);
  }
  findings.none(await market.differences("--deep"));
  return { witness, faults };
}

function tell(witness: Witness, crowd: Crowd, seconds: number, findings: Findings): void {
  const { placed, refused, reads, lists, queries, resent, replayed, answered, doors } = witness;
  findings.figure("seconds", Math.round(seconds));
  findings.figure("orders placed", placed.length);
  findings.figure("orders refused", refused);
  findings.figure("orders a second", Math.round((placed.length + refused) / seconds));
  findings.figure("orders asked for again at the other front-end", resent);
  findings.figure("orders answered from memory", replayed);
  findings.figure("reads of an item", reads);
  findings.figure("of them without waiting", crowd.restlessReads);
  findings.figure("lists", lists);
  findings.figure("order queries", queries);
  findings.figure("deliveries between front-ends", crowd.deliveries + crowd.orderDeliveries);
  doors.forEach(({ caches }, i) => {
    const total = [...caches.values()].reduce((sum, count) => sum + count, 0);
    const share = (word: string): string => `${rounded((100 * (caches.get(word) ?? 0)) / total)} %`;
    findings.figure(
      `cache of front-end ${i + 1}`,
      `hit ${share("hit")}, miss ${share("miss")}, bypass ${share("bypass")}`,
    );
  });
  findings.figure("longest write gap, ms", rounded(longestGapMs(answered)));
}

/** Nothing is broken: so many orders, as many at once as there are writers. */
export async function proveUndisturbed(
  market: Market,
  { orders, ...crowd }: AmongOptions & { readonly orders: number },
  findings: Findings,
): Promise<void> {
  await among(market, crowd, findings, async (running, { placed }) => {
    const left = (): number => orders - placed.length;
    while (left() > 0) await running.progress(Math.min(1_000, left()));
    return [];
  });
}

/** Leaders, front-ends, both at once, and catalogs stand still for a while, and go on. */
export async function provePausedParts(
  market: Market,
  { counts, ...crowd }: AmongOptions & { readonly counts: Readonly<Record<PauseTarget, number>> },
  findings: Findings,
): Promise<void> {
  const random = seededRandom(1);
  const { witness, faults } = await among(market, crowd, findings, (running) =>
    pauseAtRandom(market, running, plan(counts, random), random),
  );
  const calm = longestGapMs(outside(faults, witness.answered));
  findings.figure("pauses", faults.length);
  findings.figure("longest write gap between pauses, ms", rounded(calm));
  for (const target of pauseTargets) {
    const of = faults.filter(({ what }) => what === target);
    const alone = target === "front-end" || target === "catalog" ? of.filter((fault) => fault.alone) : of;
    const { p50, max } = gapsOf(alone, witness.answered);
    const clean = alone.length < of.length ? ` (of ${alone.length} without a change of leader)` : "";
    findings.figure(
      `write gap by a paused ${target}, ms`,
      `p50 ${rounded(p50)}, max ${rounded(max)}${clean}`,
    );
    if (target === "front-end")
      findings.timely(max <= leaseMs + noiseMs, `a paused front-end delayed orders by ${rounded(max)} ms`);
    if (target === "catalog")
      findings.timely(max <= noiseMs, `a paused catalog delayed orders by ${rounded(max)} ms`);
  }
}

/** When orders were answered outside of all faults, with the times within cut out. */
function outside(faults: readonly Fault[], answered: readonly number[]): number[] {
  let cut = 0;
  let next = 0;
  const times: number[] = [];
  for (const at of answered) {
    for (let fault = faults[next]; fault !== undefined && fault.to < at; fault = faults[++next]) {
      cut += fault.to - fault.from;
    }
    const fault = faults[next];
    if (fault === undefined || at < fault.from) times.push(at - cut);
  }
  return times;
}

/**
 * The leader is killed, again and again; every second time while a front-end stands still that has a lease of it, which
 * the next leader does not know.
 */
export async function proveKilledLeaders(
  market: Market,
  { kills, ...crowd }: AmongOptions & { readonly kills: number },
  findings: Findings,
): Promise<void> {
  const { witness, faults } = await among(market, crowd, findings, async (running) => {
    const done: Fault[] = [];
    for (let i = 0; i < kills; i++) {
      await market.whole();
      await running.progress(30);
      await sleep(Math.random() * 500);
      const leader = await market.leader();
      const from = monotonicNs();
      await Promise.all([
        i % 2 === 0
          ? undefined
          : pause(
              market,
              [`frontend-${1 + (Math.floor(i / 2) % 2)}`],
              stillMsMin + Math.random() * (stillMsMax - stillMsMin),
            ),
        sleep(stillBeforeMs).then(() => market.kill(leader)),
      ]);
      await running.progress(100);
      done.push({ what: "leader killed", from, to: monotonicNs(), alone: true });
    }
    await market.whole();
    return done;
  });
  const { p50, max } = gapsOf(faults, witness.answered);
  findings.figure("leaders killed", faults.length);
  findings.figure("write gap by a killed leader, ms", `p50 ${rounded(p50)}, max ${rounded(max)}`);
  findings.timely(max <= failoverMsMax, `after a kill nobody was answered for ${rounded(max)} ms`);
}

/** The highest id loses leadership, by a kill or a pause, and gets it back by a transfer. */
export async function proveTransfers(
  market: Market,
  { transfers, ...crowd }: AmongOptions & { readonly transfers: number },
  findings: Findings,
): Promise<void> {
  const highest = present(
    (await market.whole()).processes.filter(({ role }) => role === "order").at(-1),
    "a replica",
  ).name;
  const timeline = await Timeline.watch(market);
  const leadsIt = async (is: boolean): Promise<string | undefined> => {
    const { leader } = await market.status();
    return leader !== null && (leader === highest) === is ? leader : undefined;
  };
  const handed: number[] = [];
  const { witness } = await among(market, crowd, findings, async (running) => {
    for (let i = 0; i < transfers; i++) {
      await eventually(`${highest} to lead`, () => leadsIt(true), transferWithinMs);
      await market.whole();
      await running.progress(30);
      if (i % 2 === 0) await market.kill(highest);
      else await market.pause(highest);
      const interim = await eventually("another leader", () => leadsIt(false), transferWithinMs);
      const transferred = timeline.next(interim, "leadership-transferred");
      await market.resume(highest);
      // The interim leader may lose its leadership otherwise; then there is no transfer to be counted.
      await Promise.race([
        transferred.then(() => handed.push(monotonicNs())),
        eventually("it to lead again", () => leadsIt(true), transferWithinMs).then(() => sleep(200)),
      ]);
      transferred.catch(() => undefined);
      await eventually(`${highest} to lead again`, () => leadsIt(true), transferWithinMs);
      // What comes next is no part of the transfer's gap.
      await sleep(aroundMs);
    }
    await running.progress(30);
    return [];
  });
  const gaps = handed.map((at) => longestGapMs(witness.answered, at - aroundMs * 1e6, at + aroundMs * 1e6));
  findings.figure("leaderships taken away", transfers);
  findings.figure("transfers seen", handed.length);
  findings.figure(
    "write gap around a transfer, ms",
    `p50 ${rounded(quantile(gaps, 0.5))}, max ${rounded(Math.max(0, ...gaps))}`,
  );
  findings.need(handed.length > 0, "no transfer of leadership was seen");
}
