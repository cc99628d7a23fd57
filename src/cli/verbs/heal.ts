/** `heal`: the end of every `cut` and `slow`. */
import { command } from "../ask.ts";
import type { ExitCode } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function heal(flags: FlagsOf<"heal">): Promise<ExitCode> {
  return await command(flags.data, { verb: "heal" });
}
