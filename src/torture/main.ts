/**
 * `bazaar torture`: a market of real processes under load, broken on purpose in every way that the promises cover, and
 * everything that its clients saw judged in the end.
 */
import { randomInt } from "node:crypto";
import { join, resolve } from "node:path";
import { cannotFailSync } from "./failed-sync.ts";
import type { FaultKind } from "./fault-kinds.ts";
import { longestGapMs, quantile } from "./gaps.ts";
import { Happenings } from "./happenings.ts";
import type { Injected } from "./injector.ts";
import { compareReplicas, judgeHistory } from "./judge.ts";
import type { TortureOptions } from "./options.ts";
import { endure, type Ordeal } from "./ordeal.ts";
import { type Gaps, namedTally, type TortureReport } from "./report.ts";
import { strikes } from "./schedule.ts";
import { cannotMount } from "./small-disk.ts";
import { cannotSetClock } from "./wall-clock.ts";
import { Workshop } from "./workshop.ts";

/** A gap belongs to a fault if it ends so long after it at most. */
const gapWithinNs = 5e9;

interface Possible {
  readonly kinds: readonly FaultKind[];
  readonly notRun: TortureReport["notRun"];
}

/** Which faults can be done on this machine, to this market. */
function possible(options: TortureOptions): Possible {
  const reasons: Partial<Record<FaultKind, string | false>> = {
    "failed-sync": cannotFailSync,
    "full-disk": cannotMount,
    "clock-jump": cannotSetClock,
  };
  const whyNot = (kind: FaultKind): string | false =>
    strikes(kind, options) ? (reasons[kind] ?? false) : "has nothing to strike in a market of this shape";
  const notRun = options.kinds.flatMap((kind) => {
    const why = whyNot(kind);
    return why === false ? [] : [{ kind, why }];
  });
  return { kinds: options.kinds.filter((kind) => whyNot(kind) === false), notRun };
}

function countKinds(of: readonly { readonly kind: FaultKind }[]): Partial<Record<FaultKind, number>> {
  const counts: Partial<Record<FaultKind, number>> = {};
  for (const { kind } of of) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function gapsAfter(faults: readonly Injected[], answered: readonly number[]): Gaps {
  const gaps = faults.map(({ from, to }) => longestGapMs(answered, from, to + gapWithinNs));
  return {
    count: gaps.length,
    p50: quantile(gaps, 0.5),
    p99: quantile(gaps, 0.99),
    max: Math.max(0, ...gaps),
  };
}

/** Some seed, for who gives none. */
export function newSeed(): number {
  return randomInt(2 ** 32);
}

/**
 * Torture a market of its own. Resolves to what was found; the data and the history are kept if that is something.
 * Rejects if there is nothing that can be done to it, or it could not be started.
 */
export async function torture(
  options: TortureOptions,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<TortureReport> {
  const { kinds, notRun } = possible(options);
  for (const { kind, why } of notRun) tell(`not run: ${kind}, because it ${why}`);
  if (kinds.length === 0) throw new RangeError("none of these faults can be done here");
  const workshop = new Workshop(options, kinds);
  // From the first order on: what cannot be judged is worth looking at.
  let keep = false;
  try {
    await workshop.market.up();
    if (kinds.includes("full-disk")) await workshop.separateDisks();
    const happenings = await Happenings.watch(workshop.market);
    const history =
      options.record === undefined ? join(workshop.directory, "history.jsonl") : resolve(options.record);
    tell(`seed ${options.seed}, market at ${workshop.market.url}, data in ${workshop.market.data}`);
    keep = true;
    const ordeal = await endure(workshop, happenings, { ...options, kinds, history, tell, signal });
    tell("judging");
    const report = await judge(workshop, happenings, ordeal, { ...options, history, notRun, kinds });
    keep = report.anomalies.length > 0;
    return report;
  } finally {
    await workshop.close(keep);
  }
}

async function judge(
  workshop: Workshop,
  happenings: Happenings,
  { torment, seconds, witness, crowd, directReads, anomalies: found }: Ordeal,
  options: TortureOptions & Possible & { readonly history: string },
): Promise<TortureReport> {
  const { history, notRun, kinds, seed, orders, frontends, catalogs } = options;
  const anomalies = [...torment.anomalies, ...found];
  if (witness.errorsTotal > 0) {
    anomalies.push(
      `P6 ${witness.errorsTotal} errors that a user would have seen: ${witness.errors.join("; ")}`,
    );
  }
  anomalies.push(...happenings.unexpected);
  const judged = await judgeHistory(history);
  anomalies.push(...judged.anomalies.map((anomaly) => `P1–P4, the history: ${anomaly}`));
  const differences = await compareReplicas(workshop.market);
  if (differences !== "") anomalies.push(`P5 ${differences}`);
  const { injected, passedOver, rounds } = torment;
  const answered = witness.answered.toSorted((a, b) => a - b);
  const none = Object.fromEntries(kinds.map((kind) => [kind, 0]));
  const keeps = anomalies.length > 0;
  return {
    seed,
    seconds: Math.round(seconds * 10) / 10,
    shape: { orders, frontends, catalogs },
    disks: workshop.disks.size > 0 ? "in memory, one for each replica" : "the machine's",
    rounds,
    faults: { ...none, ...countKinds(injected) },
    passedOver: countKinds(passedOver),
    notRun,
    happened: namedTally(happenings.counts),
    operations: {
      judged: judged.operations,
      undecidedItems: judged.undecided,
      ordersPlaced: witness.placed.length,
      ordersRefused: witness.refused,
      ordersUnknown: judged.unknown,
      reads: witness.reads,
      directReads,
      lists: witness.lists,
      queries: witness.queries,
      deliveries: crowd.deliveries + crowd.orderDeliveries,
      ordersResent: witness.resent,
    },
    leaderGaps: gapsAfter(
      injected.filter(({ leader }) => leader),
      answered,
    ),
    longestGapMs: longestGapMs(answered),
    warnings: [...happenings.warnings],
    anomalies,
    ...(keeps || options.record !== undefined ? { history } : {}),
    ...(keeps ? { data: workshop.market.data } : {}),
  };
}
