/** `pause NAME`: SIGSTOP, as if the machine stalled. Its connections stay open and nothing answers. */
import { command } from "../ask.ts";
import type { ExitCode } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function pause(flags: FlagsOf<"pause">, operands: readonly string[]): Promise<ExitCode> {
  const [name = ""] = operands;
  return await command(flags.data, { verb: "pause", name });
}
