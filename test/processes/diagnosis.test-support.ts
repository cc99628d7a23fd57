/**
 * What a market's processes said last, shown when a test fails: a process that ended unexpectedly is started again so
 * quietly that the failure itself tells nothing of it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Market } from "./market.test-support.ts";

const linesShown = 25;

/** The last lines of every file in a data directory's `logs/`. */
export function logTails(data: string): string {
  const logs = join(data, "logs");
  const tails: string[] = [];
  for (const name of listed(logs)) {
    const lines = readFileSync(join(logs, name), "utf8").trimEnd().split("\n");
    tails.push(`${name}:`, ...lines.slice(-linesShown).map((line) => `  ${line}`));
  }
  return tails.join("\n");
}

function listed(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return []; // It never came to be, or is gone with its market.
  }
}

/** Of a test's own context, or what its hooks are given: Node has it, its types do not. */
interface Outcome {
  readonly name: string;
  readonly passed: boolean;
}

/** For a hook that runs after a test, while the market still runs. */
export function diagnoseFailure(context: unknown, market: Market): void {
  const { name, passed } = context as Outcome;
  if (!passed) console.error(`${name} failed. Its market's last events and logs:\n${market.diagnosis()}`);
}

/** Close the market with the test; show what it said if the test, or a part of it, failed. */
export function closeAfter(t: TestContext, market: Market): void {
  t.afterEach((part) => diagnoseFailure(part, market));
  t.after(async () => {
    diagnoseFailure(t, market);
    await market.close();
  });
}
