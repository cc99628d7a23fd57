/**
 * `npm test`: the checks, then every test file, in named groups, then a table of what ran. The last line is
 * `N passed, N failed`; the exit code is 1 if anything failed or a group had nothing to run.
 *
 *     node scripts/test.ts                  everything
 *     node scripts/test.ts --only unit      one group (may be repeated)
 *     node scripts/test.ts FILE…            these files
 */
import { globSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { environment, root, runChecks } from "./check.ts";
import { type FileTally, runTestFile } from "./test-file.ts";

interface Group {
  readonly name: string;
  /** Whether a file is of this group; it goes to the first that takes it. */
  readonly takes: (file: string) => boolean;
  /** Files at once. Tests that start processes of their own, or measure time, run one after the other. */
  readonly concurrency: number;
  /** After this a file is killed. */
  readonly fileLimitMs: number;
}

const conformanceImport = /^import .*\/conformance\.ts";$/m;

/** In the order in which they run. The last takes what is left: no test file is in no group. */
const groups: readonly Group[] = [
  {
    name: "conformance",
    takes: (file) => conformanceImport.test(readFileSync(resolve(root, file), "utf8")),
    concurrency: 2,
    fileLimitMs: 60_000,
  },
  {
    name: "cluster",
    takes: (file) => file.startsWith("src/raft/") || file.startsWith("test/cluster/"),
    concurrency: 2,
    fileLimitMs: 120_000,
  },
  {
    name: "unit",
    takes: (file) => file.startsWith("src/") || file.startsWith("scripts/"),
    concurrency: 2,
    fileLimitMs: 60_000,
  },
  {
    name: "simulator",
    takes: (file) => file.startsWith("test/sim/"),
    concurrency: 1,
    fileLimitMs: 600_000,
  },
  { name: "processes", takes: () => true, concurrency: 1, fileLimitMs: 180_000 },
];

interface Row {
  readonly name: string;
  readonly files: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly seconds: number;
}

async function runFiles(
  name: string,
  files: readonly string[],
  concurrency: number,
  limitMs: number,
): Promise<Row> {
  const started = performance.now();
  const waiting = [...files];
  const tallies: FileTally[] = [];
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const tally = await runTestFile(resolve(root, file), limitMs);
      tallies.push(tally);
      for (const text of tally.report) console.log(`${text}\n`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  const sum = (count: (tally: FileTally) => number): number =>
    tallies.reduce((total, one) => total + count(one), 0);
  const row: Row = {
    name,
    files: files.length,
    passed: sum((one) => one.passed),
    failed: sum((one) => one.failed),
    skipped: tallies.flatMap((one) => one.skipped),
    seconds: (performance.now() - started) / 1_000,
  };
  console.log(`${name}: ${row.passed} passed, ${row.failed} failed, ${row.seconds.toFixed(1)} s`);
  return row;
}

/** Every test file there is, by the name of its group. */
function filesByGroup(): Map<string, string[]> {
  const files = globSync("{src,scripts,test}/**/*.test.ts", { cwd: root }).sort();
  const byGroup = new Map<string, string[]>(groups.map((group) => [group.name, []]));
  for (const file of files) {
    const group = groups.find(({ takes }) => takes(file));
    if (group !== undefined) byGroup.get(group.name)?.push(file);
  }
  return byGroup;
}

async function checkRow(): Promise<Row> {
  const { passed, failed, seconds } = await runChecks();
  return { name: "check", files: 0, passed, failed, skipped: [], seconds };
}

/** The table and the closing line; whether all is well. */
function summarize(rows: readonly Row[]): boolean {
  const line = (name: string, ...cells: readonly (number | string)[]): string =>
    name.padEnd(14) + cells.map((cell) => String(cell).padStart(9)).join("");
  console.log(`\n${line("group", "files", "passed", "failed", "skipped", "seconds")}`);
  for (const row of rows) {
    const cells = [row.files || "", row.passed, row.failed, row.skipped.length, row.seconds.toFixed(1)];
    console.log(line(row.name, ...cells));
  }
  const skipped = rows.flatMap((row) => row.skipped);
  for (const name of skipped) console.log(`skipped: ${relative(root, name)}`);
  const idle = rows.filter((row) => row.passed + row.failed === 0);
  for (const row of idle) console.log(`FAILED: the group ${row.name} ran no test`);
  const passed = rows.reduce((total, row) => total + row.passed, 0);
  const failed = rows.reduce((total, row) => total + row.failed, 0);
  console.log(
    `\n${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`,
  );
  return failed === 0 && idle.length === 0;
}

const { values, positionals } = parseArgs({
  options: { only: { type: "string", multiple: true } },
  allowPositionals: true,
});
const only = values.only;
const unknown =
  only?.filter((name) => name !== "check" && !groups.some((group) => group.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(
    `no group ${unknown.join(", ")}; there are check, ${groups.map((group) => group.name).join(", ")}`,
  );
  process.exit(2);
}
// Test files and the processes that they start find the same Node and tools as under npm.
process.env.PATH = environment.PATH;
const rows: Row[] = [];
if (positionals.length > 0) {
  const files = positionals.map((file) => resolve(file));
  rows.push(await runFiles("files", files, 1, 180_000));
} else {
  if (only === undefined || only.includes("check")) rows.push(await checkRow());
  const files = filesByGroup();
  for (const { name, concurrency, fileLimitMs } of groups) {
    if (only !== undefined && !only.includes(name)) continue;
    rows.push(await runFiles(name, files.get(name) ?? [], concurrency, fileLimitMs));
  }
}
process.exitCode = summarize(rows) ? 0 : 1;
