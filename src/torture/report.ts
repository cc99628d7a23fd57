/** What a torture found, for a person and for a program. */

import type { FaultKind } from "./fault-kinds.ts";
import { tally } from "./happenings.ts";

/** The shares of write gaps, milliseconds: how long nobody's order was answered. */
export interface Gaps {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface TortureReport {
  readonly seed: number;
  /** From the first fault to the last one's end. */
  readonly seconds: number;
  readonly shape: { readonly orders: number; readonly frontends: number; readonly catalogs: number };
  /** Where the replicas' files were. */
  readonly disks: "in memory, one for each replica" | "the machine's";
  readonly rounds: number;
  /** How often each kind of fault struck; 0 for those that were asked for and found no occasion. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Faults that found nobody to strike when their time came, by kind. */
  readonly passedOver: Readonly<Partial<Record<FaultKind, number>>>;
  /** Asked for and not possible here, with the reason. */
  readonly notRun: readonly { readonly kind: FaultKind; readonly why: string }[];
  /** What was seen to happen in the market, by what it is called. */
  readonly happened: Readonly<Record<string, number>>;
  readonly operations: {
    readonly judged: number;
    /** Items whose operations were too many to be searched; their positions are judged all the same. */
    readonly undecidedItems: readonly string[];
    readonly ordersPlaced: number;
    readonly ordersRefused: number;
    readonly ordersUnknown: number;
    readonly reads: number;
    readonly directReads: number;
    readonly lists: number;
    readonly queries: number;
    readonly deliveries: number;
    readonly ordersResent: number;
  };
  /** After each fault that struck the leader. */
  readonly leaderGaps: Gaps;
  readonly longestGapMs: number;
  readonly warnings: readonly string[];
  /** Broken promises. */
  readonly anomalies: readonly string[];
  /** Where the history is, if it was kept. */
  readonly history?: string;
  /** Where the data directory is, if it was kept. */
  readonly data?: string;
}

const rounded = (ms: number): number => Math.round(ms * 10) / 10;

function counted(counts: Readonly<Partial<Record<string, number>>>): readonly (readonly [string, string])[] {
  return Object.entries(counts).map(([name, count]) => [name, `${count}`] as const);
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

export function formatTorture(report: TortureReport): string {
  const { operations: all, shape, leaderGaps: gaps, anomalies } = report;
  const lines = [
    `torture of ${shape.orders} order replicas, ${shape.frontends} front-ends and ${shape.catalogs} catalogs for ${Math.round(report.seconds)} s, seed ${report.seed}; disks: ${report.disks}`,
    "",
    `faults, in ${report.rounds} rounds:`,
    ...columns(counted(report.faults)),
    ...report.notRun.map(({ kind, why }) => `  not run: ${kind}, because it ${why}`),
    ...columns(counted(report.passedOver).map(([kind, count]) => [`found nobody: ${kind}`, count])),
    "",
    "what happened:",
    ...columns(counted(report.happened)),
    ...report.warnings.map((warning) => `  warning of ${warning}`),
    "",
    "operations:",
    ...columns([
      ["judged", `${all.judged}`],
      ["items not searched to the end", all.undecidedItems.join(", ") || "none"],
      [
        "orders",
        `${all.ordersPlaced} placed, ${all.ordersRefused} refused, ${all.ordersUnknown} times of unknown outcome`,
      ],
      ["orders asked for again", `${all.ordersResent}`],
      ["reads", `${all.reads} at front-ends, ${all.directReads} at replicas themselves`],
      ["lists, queries", `${all.lists}, ${all.queries}`],
      ["changes carried at once to another front-end", `${all.deliveries}`],
    ]),
    "",
    `write gap after ${gaps.count} faults of the leader: p50 ${rounded(gaps.p50)} ms, p99 ${rounded(gaps.p99)} ms, max ${rounded(gaps.max)} ms; longest of all ${rounded(report.longestGapMs)} ms`,
    `anomalies: ${anomalies.length}`,
    ...anomalies.map((anomaly) => `  ANOMALY ${anomaly.trimEnd().replaceAll("\n", "\n  ")}`),
  ];
  if (report.history !== undefined) lines.push(`history: ${report.history}`);
  if (report.data !== undefined) lines.push(`data: ${report.data}`);
  return `${lines.join("\n")}\n`;
}

/** 3: a promise was broken. */
export function tortureExitCode({ anomalies }: TortureReport): 0 | 3 {
  return anomalies.length === 0 ? 0 : 3;
}

/** What happened, named. */
export function namedTally(counts: Readonly<Record<keyof typeof tally, number>>): Record<string, number> {
  const named = Object.entries(tally) as [keyof typeof tally, string][];
  return Object.fromEntries(named.map(([key, words]) => [words, counts[key]]));
}
