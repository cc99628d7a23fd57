/** `down`: stop the system of a data directory; returns when everything has stopped. */
import { command } from "../ask.ts";
import type { ExitCode } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function down(flags: FlagsOf<"down">): Promise<ExitCode> {
  return await command(flags.data, { verb: "down" });
}
