/** `start NAME`: start a process that is down, has failed, or waits for its next attempt. */
import { command } from "../ask.ts";
import type { ExitCode } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function start(flags: FlagsOf<"start">, operands: readonly string[]): Promise<ExitCode> {
  const [name = ""] = operands;
  return await command(flags.data, { verb: "start", name });
}
