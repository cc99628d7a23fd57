/** `verify FILE`: judge a history that `shop --record` wrote, without the system. */
import { existsSync } from "node:fs";
import { formatVerdict, verdictExitCode, verifyHistory } from "../../check/main.ts";
import { type ExitCode, usageFailure } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function verify(flags: FlagsOf<"verify">, operands: readonly string[]): Promise<ExitCode> {
  const [file = ""] = operands;
  if (!existsSync(file)) {
    throw usageFailure(`There is no file ${file}.`, "Record one with `shop --record FILE`.");
  }
  const { linearizable, smallest } = flags;
  const result = await verifyHistory(file, { linearizable, smallest });
  process.stdout.write(flags.json ? `${JSON.stringify(result, undefined, 2)}\n` : formatVerdict(result));
  return verdictExitCode(result);
}
