/** `sim`: the whole system in a simulated world, from seeds. */
import { randomInt } from "node:crypto";
import { formatReport, replay, type SimulateOptions, simulate } from "../../sim/main.ts";
import { type ExitCode, exitCodes } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

/** Where fresh seeds begin: far from those that are kept, and from each other. */
const freshSeed = (): number => randomInt(1e6, 2 ** 40);

export async function sim(flags: FlagsOf<"sim">): Promise<ExitCode> {
  const { seed, seeds, minutes, seconds, json } = flags;
  const from = flags.from ?? freshSeed();
  const options: SimulateOptions = { seed, from, seeds, minutes, seconds, faults: !flags["no-faults"], json };
  if (seed !== undefined) return (await replay(options, seed)) ? exitCodes.ok : exitCodes.verification;
  if (!json) process.stderr.write(`seeds from ${from}\n`);
  const report = await simulate(options, ({ message, replay: command, history }) => {
    process.stderr.write(`${message}\n  ${command}\n  what the shoppers were told: ${history}\n\n`);
  });
  process.stdout.write(`${json ? JSON.stringify(report, undefined, 2) : formatReport(report)}\n`);
  return report.failures.length + report.missing.length > 0 ? exitCodes.verification : exitCodes.ok;
}
