/** `cut A B`: a partition between two processes, on purpose, until `heal`. */
import { command } from "../ask.ts";
import type { ExitCode } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function cut(flags: FlagsOf<"cut">, operands: readonly string[]): Promise<ExitCode> {
  const [a = "", b = ""] = operands;
  return await command(flags.data, { verb: "cut", a, b, oneWay: flags["one-way"] });
}
