/**
 * Verify a recorded history: read JSON Lines, check it, tell the verdict.
 *
 * A history with a bad line is not judged at all: what the line would have said might have been what saves or
 * condemns the rest.
 */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { checkByPosition } from "./by-position.ts";
import { History } from "./history.ts";
import { parseLine } from "./line.ts";
import { timeline } from "./timeline.ts";
import { rules, type Verdict } from "./verdict.ts";

export interface BadLine {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

export type VerifyResult =
  | (Verdict & {
      /** For each violation told in full, a picture for the terminal. */
      readonly pictures: readonly string[];
    })
  | { readonly kind: "unreadable"; readonly badLines: readonly BadLine[]; readonly badLinesTotal: number };

/** Bad lines told; more are only counted. */
const badLinesMax = 20;

/** Read and judge. Rejects only if the source cannot be read. */
export async function verifyHistory(source: string | Readable): Promise<VerifyResult> {
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
    const parsed = parseLine(text);
    if (parsed.kind === "bad") bad(parsed.reason);
    else if (parsed.kind === "operation") history.push(parsed.operation);
    else if (history.size > 0) bad("a header that is not the first line");
    else history.header = parsed.header;
  });
  if (badLinesTotal > 0) return { kind: "unreadable", badLines, badLinesTotal };
  const verdict = checkByPosition(history);
  const pictures =
    verdict.kind === "ok"
      ? []
      : verdict.violations.map((violation) => timeline(history, violation.operations));
  return { ...verdict, pictures };
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
    case "ok":
      return `ok: ${result.operations} operations (${result.orders} orders, ${result.refused} refused, ${result.unknown} of unknown outcome, ${result.reads} reads, ${result.queries} queries, ${result.lists} lists) on ${result.items} items${result.complete ? ", values exact" : ""}\n`;
    case "illegal": {
      const told = result.violations.map(
        ({ rule, message }, at) => `${rule}: ${message}\n  (${rules[rule]})\n${result.pictures[at] ?? ""}`,
      );
      return [
        `ILLEGAL: ${result.violationsTotal} violations in ${result.operations} operations`,
        ...told,
        "",
      ].join("\n\n");
    }
  }
}

/** The exit code of `bazaar verify`. */
export function verdictExitCode(result: VerifyResult): 0 | 1 | 3 {
  return result.kind === "ok" ? 0 : result.kind === "illegal" ? 3 : 1;
}
