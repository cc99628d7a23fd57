/** `slow NAME MS`: a slow, or lossy, network around one process, on purpose, until `heal`. */
import { linkLimits } from "../../wire/link-faults.ts";
import { command } from "../ask.ts";
import { type ExitCode, usageFailure } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function slow(flags: FlagsOf<"slow">, operands: readonly string[]): Promise<ExitCode> {
  const [name = "", text = ""] = operands;
  const delayMs = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(delayMs <= linkLimits.delayMsMax)) {
    throw usageFailure(`MS must be a whole number from 0 to ${linkLimits.delayMsMax}, not ${text}.`);
  }
  return await command(flags.data, { verb: "slow", name, delayMs, loss: flags.loss });
}
