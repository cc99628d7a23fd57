/**
 * Verify a recorded history: read JSON Lines, check it, tell the verdict.
 *
 * The fast checker judges always; the search for a linearization too where the history is small enough that nobody
 * waits for it, or when asked. A history with a bad line is not judged at all: what the line would have said might have
 * been what saves or condemns the rest.
 */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { checkByPosition, countOf } from "./by-position.ts";
import { explain } from "./explanation.ts";
import { History } from "./history.ts";
import { parseLine } from "./line.ts";
import { checkLinearizable, type ItemVerdict, type LinearizableVerdict } from "./linearizable.ts";
import { type Recording, smallestOf } from "./smallest.ts";
import { timeline } from "./timeline.ts";
import { type Counts, rules, type Verdict } from "./verdict.ts";

export interface BadLine {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

/** What the search for a linearization says of each item. */
export interface SearchReport {
  readonly kind: LinearizableVerdict["kind"];
  /** Whether it was asked for, rather than done because the history is small. */
  readonly asked: boolean;
  readonly items: readonly ItemVerdict[];
}

/** The search was asked for and gave up, and nothing else is wrong: no verdict. */
type Undecided = { readonly kind: "undecided" } & Counts;

export type VerifyResult =
  | ((Verdict | Undecided) & {
      /** For each violation told in full, a picture for the terminal. */
      readonly pictures: readonly string[];
      /** Absent where the history is large and nobody asked. */
      readonly linearizable?: SearchReport;
      /** The first violation in as few operations as were found; absent unless asked for. */
      readonly smallest?: Recording;
    })
  | { readonly kind: "unreadable"; readonly badLines: readonly BadLine[]; readonly badLinesTotal: number };

export interface VerifyOptions {
  /** Search for a linearization, however large the history is. */
  readonly linearizable?: boolean;
  /** Make the history of the first violation as small as can be. */
  readonly smallest?: boolean;
}

/** Bad lines told; more are only counted. */
const badLinesMax = 20;
/** A history up to this size is searched unasked. */
const searchedUnaskedMax = 20_000;
/** Contradictions of the search that are told in full. */
const contradictionsMax = 10;

/** Read and judge. Rejects only if the source cannot be read. */
export async function verifyHistory(
  source: string | Readable,
  options: VerifyOptions = {},
): Promise<VerifyResult> {
  const input = typeof source === "string" ? createReadStream(source, { highWaterMark: 1 << 20 }) : source;
  const history = new History();
  const badLines: BadLine[] = [];
  let badLinesTotal = 0;
  let line = 0;
  const bad = (reason: string): void => {
    if (badLinesTotal++ < badLinesMax) badLines.push({ line, reason });
  };
  await eachLine(input, (text) => {
    line++;
    if (text === "") return;
    const parsed = parseLine(text, history.header.positions !== false);
    if (parsed.kind === "bad") bad(parsed.reason);
    else if (parsed.kind === "operation") history.push(parsed.operation);
    else if (history.size > 0) bad("a header that is not the first line");
    else history.header = parsed.header;
  });
  if (badLinesTotal > 0) return { kind: "unreadable", badLines, badLinesTotal };
  return judge(history, options);
}

function judge(history: History, options: VerifyOptions): VerifyResult {
  const hasPositions = history.header.positions !== false;
  const verdict: Verdict = hasPositions ? checkByPosition(history) : { kind: "ok", ...countOf(history) };
  const violations = verdict.kind === "ok" ? [] : [...verdict.violations];
  const pictures = violations.map((violation) => timeline(history, violation.operations));
  let violationsTotal = verdict.kind === "ok" ? 0 : verdict.violationsTotal;
  const asked = options.linearizable === true || !hasPositions;
  const search = asked || history.size <= searchedUnaskedMax ? checkLinearizable(history) : undefined;
  for (const contradiction of search?.contradictions.slice(0, contradictionsMax) ?? []) {
    const { violation, picture } = explain(history, contradiction);
    violations.push(violation);
    pictures.push(picture);
  }
  violationsTotal += search?.contradictions.length ?? 0;
  const told = search && { linearizable: { kind: search.kind, asked, items: search.items } };
  const { kind: _, ...counts } = verdict;
  const [first] = violations;
  if (first === undefined) {
    const gaveUp = asked && search?.kind === "undecided";
    return { ...counts, kind: gaveUp ? "undecided" : "ok", pictures, ...told };
  }
  const small = options.smallest ? { smallest: smallestOf(history, first) } : {};
  return { ...counts, kind: "illegal", violations, violationsTotal, pictures, ...told, ...small };
}

/** Node's own line reader costs more than the parsing of the lines. */
async function eachLine(input: Readable, take: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const chunk of input.setEncoding("utf8")) {
    const text = rest + (chunk as string);
    let from = 0;
    for (let to = text.indexOf("\n"); to >= 0; to = text.indexOf("\n", from)) {
      take(text.slice(from, to));
      from = to + 1;
    }
    rest = text.slice(from);
  }
  if (rest !== "") take(rest);
}

/** The result for a person. */
export function formatVerdict(result: VerifyResult): string {
  switch (result.kind) {
    case "unreadable": {
      const told = result.badLines.map(({ line, reason }) => `line ${line}: ${reason}`);
      return [`not a history: ${result.badLinesTotal} bad lines`, ...told, ""].join("\n");
    }
    case "undecided":
    case "ok":
      return `${result.kind}: ${result.operations} operations (${result.orders} orders, ${result.refused} refused, ${result.unknown} of unknown outcome, ${result.reads} reads, ${result.queries} queries, ${result.lists} lists) on ${result.items} items${result.complete ? ", values exact" : ""}\n${searched(result.linearizable)}`;
    case "illegal": {
      const told = result.violations.map(
        ({ rule, message }, at) => `${rule}: ${message}\n  (${rules[rule]})\n${result.pictures[at] ?? ""}`,
      );
      return [
        `ILLEGAL: ${result.violationsTotal} violations in ${result.operations} operations`,
        ...told,
        ...(result.smallest === undefined ? [] : [smallestHistory(result.smallest)]),
        searched(result.linearizable),
      ].join("\n\n");
    }
  }
}

function searched(report: SearchReport | undefined): string {
  if (report === undefined) return "not searched for a linearization: --linearizable does\n";
  const undecided = report.items.filter(({ kind }) => kind === "undecided");
  const configurations = report.items.reduce((sum, item) => sum + item.configurations, 0);
  const lines = [
    `searched for a linearization: ${report.items.length} items, ${configurations} configurations, ${report.kind}`,
    ...undecided.map(({ item }) => `UNDECIDED: ${item}, given up; this is no verdict`),
  ];
  return `${lines.join("\n")}\n`;
}

function smallestHistory({ header, operations }: Recording): string {
  const lines = [header, ...operations].map((line) => JSON.stringify(line));
  return [`the first of them, in ${operations.length} operations:`, ...lines].join("\n");
}

/** The exit code of `bazaar verify`: 0 ok, 3 illegal, 1 where there is no verdict. */
export function verdictExitCode(result: VerifyResult): 0 | 1 | 3 {
  return result.kind === "ok" ? 0 : result.kind === "illegal" ? 3 : 1;
}
