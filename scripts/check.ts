/**
 * Everything that can be known without running the program: types, format and lint, promises, layers, dead code.
 * Every check runs, whatever the others find; what failed is shown whole at the end.
 */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { performance } from "node:perf_hooks";

interface Check {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
}

/** The longest first, so that they overlap. */
const checks: readonly Check[] = [
  { name: "types", command: "tsc", arguments: ["-p", "."] },
  { name: "dead code", command: "knip", arguments: ["--no-progress", "--no-config-hints"] },
  { name: "layers", command: "node", arguments: ["scripts/layers.ts"] },
  { name: "promises", command: "oxlint", arguments: ["--deny-warnings"] },
  { name: "format and lint", command: "biome", arguments: ["check", "--error-on-warnings", "."] },
];

export interface CheckTally {
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
}

interface Finished {
  readonly check: Check;
  readonly succeeded: boolean;
  readonly output: string;
}

export const root = join(import.meta.dirname, "..");

/** The tools' and our Node, also for who calls this without npm. */
export const environment = {
  ...process.env,
  PATH: [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter),
};

function runCheck(check: Check): Promise<Finished> {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(check.command, check.arguments, {
      cwd: root,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (text: string): void => {
      output += text;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.on("error", (error) => collect(`${error.message}\n`));
    child.on("close", (code) => {
      const succeeded = code === 0;
      const seconds = ((performance.now() - started) / 1_000).toFixed(1);
      console.log(`${succeeded ? "ok    " : "FAILED"}  ${check.name.padEnd(16)} ${seconds.padStart(5)} s`);
      resolve({ check, succeeded, output });
    });
  });
}

/** Run all checks, as many at once as there are cores, and print what each found. */
export async function runChecks(): Promise<CheckTally> {
  const started = performance.now();
  const waiting = [...checks];
  const finished: Finished[] = [];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      finished.push(await runCheck(next));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  const failed = finished.filter((one) => !one.succeeded);
  for (const { check, output } of failed) {
    console.log(`\n── ${check.name}: ${check.command} ${check.arguments.join(" ")}\n${output.trimEnd()}`);
  }
  return {
    passed: finished.length - failed.length,
    failed: failed.length,
    seconds: (performance.now() - started) / 1_000,
  };
}

if (import.meta.main) {
  const { failed } = await runChecks();
  if (failed > 0) process.exitCode = 1;
}
