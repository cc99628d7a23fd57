/** `--market`: the name of a built-in market, or a file. */
import { readFileSync } from "node:fs";
import { builtinMarkets } from "../market/builtin.ts";
import type { MarketDefinition } from "../market/definition.ts";
import { parseDefinition } from "../market/definition-file.ts";
import { usageFailure } from "./exit.ts";
import { nearest } from "./nearest.ts";

const problemsShown = 50;

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const names = [...builtinMarkets.keys()];
    const meant = nearest(path, names);
    const reason = error instanceof Error ? error.message : String(error);
    throw usageFailure(
      `--market ${path} is neither a built-in market (${names.join(", ")}) nor a file that can be read: ${reason}.`,
      ...(meant === undefined ? [] : [`Did you mean --market ${meant}?`]),
    );
  }
}

/** Throws `CommandFailure` with every problem and its path. */
export function chooseMarket(choice: string): MarketDefinition {
  const builtin = builtinMarkets.get(choice);
  if (builtin !== undefined) return builtin;
  const text = readText(choice);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usageFailure(`${choice} is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
  const parsed = parseDefinition(value);
  if (parsed.ok) return parsed.definition;
  const { problems } = parsed;
  const lines = problems
    .slice(0, problemsShown)
    .map(({ path, problem }) => `  ${path === "" ? "the file" : path} ${problem}`);
  if (problems.length > problemsShown) lines.push(`  and ${problems.length - problemsShown} more`);
  throw usageFailure(`${choice} is no market file:\n${lines.join("\n")}`);
}
