/**
 * The composition root: the only place that knows every part. Here the words of a command line become a verb that is
 * run with real clocks, sockets and files, and every failure becomes words and an exit code.
 */
import { readFileSync } from "node:fs";
import { unreachable } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import { NotRunning } from "../supervisor/control-client.ts";
import { StartRefused } from "../supervisor/refusal.ts";
import { CommandFailure, type ExitCode, exitCodes } from "./exit.ts";
import type { FlagValue } from "./flags.ts";
import { helpText, parseCommandLine } from "./parse.ts";
import type { FlagsOf, Verb } from "./verbs.ts";

type Run<V extends Verb> = (flags: FlagsOf<V>, operands: readonly string[]) => Promise<ExitCode>;

/** Each verb's code, loaded when it is used. */
const runners: { readonly [V in Verb]: () => Promise<Run<V>> } = {
  up: async () => (await import("./verbs/up.ts")).up,
  status: async () => (await import("./verbs/status.ts")).status,
  watch: async () => (await import("./verbs/watch.ts")).watch,
  down: async () => (await import("./verbs/down.ts")).down,
  kill: async () => (await import("./verbs/kill.ts")).kill,
  start: async () => (await import("./verbs/start.ts")).start,
  pause: async () => (await import("./verbs/pause.ts")).pause,
  resume: async () => (await import("./verbs/resume.ts")).resume,
  cut: async () => (await import("./verbs/cut.ts")).cut,
  slow: async () => (await import("./verbs/slow.ts")).slow,
  heal: async () => (await import("./verbs/heal.ts")).heal,
  member: async () => (await import("./verbs/member.ts")).member,
  repair: async () => (await import("./verbs/repair.ts")).repair,
  check: async () => (await import("./verbs/check.ts")).check,
  shop: async () => (await import("./verbs/shop.ts")).shop,
  sim: async () => (await import("./verbs/sim.ts")).sim,
  verify: async () => (await import("./verbs/verify.ts")).verify,
  torture: async () => (await import("./verbs/torture.ts")).torture,
  log: async () => (await import("./verbs/log-show.ts")).logShow,
  process: async () => (await import("./verbs/process.ts")).processVerb,
};

async function runVerb<V extends Verb>(
  verb: V,
  flags: Readonly<Record<string, FlagValue>>,
  operands: readonly string[],
): Promise<ExitCode> {
  const runner = await runners[verb]();
  // The parser has made the flags after the same table from which their type is made.
  return await runner(flags as unknown as FlagsOf<V>, operands);
}

function versionText(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}

async function run(words: readonly string[]): Promise<ExitCode> {
  const parsed = parseCommandLine(words);
  switch (parsed.kind) {
    case "help":
      process.stdout.write(helpText(parsed.verb));
      return exitCodes.ok;
    case "version":
      process.stdout.write(`${versionText()}\n`);
      return exitCodes.ok;
    case "run":
      return await runVerb(parsed.verb, parsed.flags, parsed.operands);
    default:
      return unreachable(parsed);
  }
}

function tellFailure(error: unknown): ExitCode {
  const failure = classify(error);
  const lines = [failure.message, ...failure.advice];
  process.stderr.write(`bazaar: ${lines.join("\n        ")}\n`);
  return failure.exitCode;
}

function classify(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof StartRefused) return new CommandFailure(exitCodes.usage, error.message, error.advice);
  if (error instanceof NotRunning) {
    return new CommandFailure(exitCodes.unreachable, error.message, [
      "Start one with `npm start` (or `bazaar up`), or name its directory with --data DIR.",
    ]);
  }
  if (error instanceof OperatingFailure) return new CommandFailure(exitCodes.failure, error.message);
  // A fault of ours: the stack is what helps.
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CommandFailure(exitCodes.failure, told);
}

export async function main(words: readonly string[]): Promise<void> {
  // Whoever reads our output may go away early (`watch | head`): that is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.ok);
    throw error;
  });
  try {
    process.exitCode = await run(words);
  } catch (error) {
    process.exitCode = tellFailure(error);
  }
}
