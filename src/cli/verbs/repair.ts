/** `repair NAME`: have an order replica's database set aside, because it is not trusted, and built anew. */
import { command } from "../ask.ts";
import type { ExitCode } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function repair(flags: FlagsOf<"repair">, operands: readonly string[]): Promise<ExitCode> {
  const [name = ""] = operands;
  return await command(flags.data, { verb: "repair", name });
}
