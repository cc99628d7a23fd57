/** `kill NAME`: a crash on purpose. The supervisor restarts the process as after any crash, unless told not to. */
import { command } from "../ask.ts";
import type { ExitCode } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function kill(flags: FlagsOf<"kill">, operands: readonly string[]): Promise<ExitCode> {
  const [name = ""] = operands;
  return await command(flags.data, { verb: "kill", name, stayDown: flags["stay-down"] });
}
