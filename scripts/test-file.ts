/**
 * Runs one test file in a process of its own and counts what it did.
 *
 * Node's own totals are not used: they count a file that holds no test as one that passed, and a suite that was
 * skipped not at all. Here the first is a failure and the second a skip with a name.
 */
import { run } from "node:test";
import { inspect } from "node:util";

export interface FileTally {
  readonly file: string;
  passed: number;
  failed: number;
  /** Names of tests and suites that were skipped or are still to be done. */
  readonly skipped: string[];
  /** What to show of failures, the file's own output included. */
  readonly report: string[];
}

/** The end of a failed file's output that is shown. */
const outputLinesMax = 200;

function describe(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (typeof cause === "string") return cause;
  const text = inspect(cause, { colors: process.stdout.isTTY, depth: 8 });
  return text.replace(/^.*\(?node:internal\/[^\n{]*$\n?/gm, "");
}

const indented = (text: string): string => text.replace(/^/gm, "    ");

/** After `limitMs` the file's process is killed, and that is a failure. */
export async function runTestFile(file: string, limitMs: number): Promise<FileTally> {
  const tally: FileTally = { file, passed: 0, failed: 0, skipped: [], report: [] };
  const limit = AbortSignal.timeout(limitMs);
  /** The names around the test that reports, outermost first. */
  const path: string[] = [];
  let output = "";
  const fail = (title: string, details: string): void => {
    tally.failed++;
    tally.report.push(`✖ ${file}: ${title}\n${indented(details)}`);
  };
  for await (const { type, data } of run({ files: [file], concurrency: 1, signal: limit })) {
    if (type === "test:start") {
      path.length = data.nesting;
      path.push(data.name);
    } else if (type === "test:stdout" || type === "test:stderr") {
      output += data.message;
    } else if (type === "test:pass" || type === "test:fail") {
      const title = [...path.slice(0, data.nesting), data.name].join(" › ");
      const isFile = data.nesting === 0 && data.name === file;
      const isSuite = data.details.type === "suite";
      if (data.skip !== undefined || data.todo !== undefined) {
        const reason = data.skip ?? data.todo;
        tally.skipped.push(
          `${file}: ${title}${typeof reason === "string" && reason !== "" ? ` (${reason})` : ""}`,
        );
      } else if (type === "test:pass") {
        if (isFile) fail("holds no test", "A file that tests nothing must not look like one that passed.");
        else if (!isSuite) tally.passed++;
      } else if (isFile) {
        fail(
          "its process failed",
          limit.aborted
            ? `killed after ${limitMs / 1_000} s, after the start of "${path.join(" › ")}"`
            : describe(data.details.error),
        );
      } else if (failedByItself(data.details.error)) {
        fail(title, describe(data.details.error));
      } else if (!isSuite) {
        tally.failed++;
      }
    }
  }
  if (tally.failed > 0 && output !== "") {
    const lines = output.trimEnd().split("\n").slice(-outputLinesMax);
    tally.report.push(`  output of ${file}:\n${indented(lines.join("\n"))}`);
  }
  return tally;
}

/** Whether there is more to say than that a test inside it failed. */
function failedByItself(error: Error): boolean {
  return (error as Error & { readonly failureType?: unknown }).failureType !== "subtestsFailed";
}
