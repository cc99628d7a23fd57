/** `member add`, `member remove NAME`: one more order replica, or one fewer, while orders flow. */
import { command } from "../ask.ts";
import { type ExitCode, usageFailure } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function member(flags: FlagsOf<"member">, operands: readonly string[]): Promise<ExitCode> {
  const [what, name] = operands;
  if (what === "add" && name === undefined) return await command(flags.data, { verb: "member-add" });
  if (what === "remove" && name !== undefined) {
    return await command(flags.data, { verb: "member-remove", name });
  }
  throw usageFailure("It is `member add` or `member remove NAME`.");
}
