/** `resume NAME`: SIGCONT. The process goes on and finds that time has passed. */
import { command } from "../ask.ts";
import type { ExitCode } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function resume(flags: FlagsOf<"resume">, operands: readonly string[]): Promise<ExitCode> {
  const [name = ""] = operands;
  return await command(flags.data, { verb: "resume", name });
}
