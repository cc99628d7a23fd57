/** `sim`: the whole system in a simulated world, from seeds; or the published protocol, to convict it. */
import { randomInt } from "node:crypto";
import {
  type ConvictOptions,
  convict,
  formatConviction,
  isAsExpected,
  replayCourse,
} from "../../sim/course-conviction.ts";
import { formatReport, replay, type SimulateOptions, simulate } from "../../sim/main.ts";
import { type ExitCode, exitCodes, usageFailure } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

/** Where fresh seeds begin: far from those that are kept, and from each other. */
const freshSeed = (): number => randomInt(1e6, 2 ** 40);

/** Virtual seconds of a history: ours has much to go through, the published protocol little to order. */
const secondsOf = { embedded: 120, course: 20 } as const;

export async function sim(flags: FlagsOf<"sim">): Promise<ExitCode> {
  if (flags.log === "course") return await simCourse(flags);
  const { seed, seeds, minutes, seconds = secondsOf.embedded, json } = flags;
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

/** The seeds are the same each time, so that the documentation can tell what comes of them. */
async function simCourse(flags: FlagsOf<"sim">): Promise<ExitCode> {
  const { seed, from = 1, seeds, seconds = secondsOf.course, minutes, json } = flags;
  if (minutes !== undefined) throw usageFailure("--log course goes by --seeds, not by --minutes.");
  const options: ConvictOptions = { from: seed ?? from, seeds, seconds, faults: !flags["no-faults"] };
  if (seed !== undefined) return (await replayCourse(options)) ? exitCodes.ok : exitCodes.verification;
  const conviction = await convict(options);
  process.stdout.write(
    `${json ? JSON.stringify(conviction, undefined, 2) : formatConviction(conviction, options)}\n`,
  );
  return isAsExpected(conviction, options) ? exitCodes.ok : exitCodes.verification;
}
