/** What a shop found, for a program and for a person. */
import type { ClientCounters } from "../client/types.ts";
import type { LatencySummary } from "./histogram.ts";
import type { ShopMode } from "./options.ts";
import type { Mismatch, RequestKind, Tally } from "./tally.ts";

export interface ShopReport {
  readonly mode: ShopMode;
  readonly clients: number;
  readonly seed: number;
  /** From the first round to the end of the last, without the verification afterwards. */
  readonly seconds: number;
  readonly rounds: number;
  readonly roundsPerSecond: number;
  /** Only kinds that were used. Latencies are a caller's: retries and their waits are in them. */
  readonly requests: Partial<Record<RequestKind, LatencySummary>>;
  readonly ordersPlaced: number;
  readonly ordersRefused: Readonly<Record<string, number>>;
  readonly ordersReplayed: number;
  /** Orders whose fate was not learnt within the deadline; each is an error too. */
  readonly ordersUnknown: number;
  /** Comparisons of an own order with what a query told. */
  readonly ordersVerified: number;
  readonly ordersInFlight: number;
  readonly retriesLost: number;
  readonly retries503: number;
  readonly retries504: number;
  readonly retries429: number;
  readonly ordersResent: number;
  /** What a user would have seen fail; 0 is promised while a majority lives. */
  readonly errors: number;
  readonly errorMessages: readonly string[];
  /** The longest time between two successive acknowledged orders; 0 with fewer than two. */
  readonly writeGapMs: number;
  readonly mismatches: readonly Mismatch[];
  readonly mismatchesTotal: number;
}

export function reportOf(
  tally: Tally,
  counters: Readonly<ClientCounters>,
  run: { readonly mode: ShopMode; readonly clients: number; readonly seed: number; readonly seconds: number },
): ShopReport {
  const requests: Partial<Record<RequestKind, LatencySummary>> = {};
  for (const kind of ["read", "order", "query"] as const) {
    const summary = tally.latencies[kind].summary();
    if (summary.count > 0) requests[kind] = summary;
  }
  return {
    ...run,
    rounds: tally.rounds,
    roundsPerSecond: run.seconds > 0 ? tally.rounds / run.seconds : 0,
    requests,
    ordersPlaced: tally.placed,
    ordersRefused: Object.fromEntries(tally.refusals),
    ordersReplayed: tally.replayed,
    ordersUnknown: tally.unknown,
    ordersVerified: tally.verified,
    ordersInFlight: tally.ordersInFlight,
    retriesLost: counters.retriesLost,
    retries503: counters.retries503,
    retries504: counters.retries504,
    retries429: counters.retries429,
    ordersResent: counters.ordersResent,
    errors: tally.errors,
    errorMessages: tally.errorMessages,
    writeGapMs: tally.writeGapNs / 1e6,
    mismatches: tally.mismatches,
    mismatchesTotal: tally.mismatchesTotal,
  };
}

/** The exit code of `bazaar shop`. */
export function shopExitCode(report: ShopReport): 0 | 1 | 3 {
  if (report.mismatchesTotal > 0) return 3;
  return report.errors > 0 ? 1 : 0;
}

const ms = (value: number): string => value.toFixed(value < 10 ? 3 : 1);

export function formatShopReport(report: ShopReport): string {
  const refused = Object.entries(report.ordersRefused).map(([reason, count]) => `${count} ${reason}`);
  const lines = [
    `${report.clients} clients, mode ${report.mode}, seed ${report.seed}: ${report.rounds} rounds in ${report.seconds.toFixed(1)} s (${report.roundsPerSecond.toFixed(0)} a second)`,
    "",
    `${"request".padEnd(9)}${["count", "mean ms", "p50 ms", "p99 ms", "max ms"].map((head) => head.padStart(11)).join("")}`,
    ...Object.entries(report.requests).map(
      ([kind, { count, meanMs, p50Ms, p99Ms, maxMs }]) =>
        `${kind.padEnd(9)}${[String(count), ms(meanMs), ms(p50Ms), ms(p99Ms), ms(maxMs)].map((cell) => cell.padStart(11)).join("")}`,
    ),
    "",
    `orders      ${report.ordersPlaced} placed, ${refused.length === 0 ? "none" : refused.join(", ")} refused, ${report.ordersUnknown} unknown; ${report.ordersVerified} verified`,
    `retries     ${report.retriesLost} after a lost connection, ${report.retries503} after 503, ${report.retries504} after 504, ${report.retries429} after 429; ${report.ordersReplayed} orders answered from memory`,
    `errors      ${report.errors}`,
    ...report.errorMessages.map((message) => `            ${message}`),
    `write gap   ${ms(report.writeGapMs)} ms`,
    `mismatches  ${report.mismatchesTotal}`,
    ...report.mismatches.map(
      ({ client, what, message, expected, got }) =>
        `            client ${client}: ${what}: ${message}; expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}
