/** `watch`: what all processes do, as it happens, in one timeline. Ends when the system does, or with Ctrl-C. */
import { resolve } from "node:path";
import { watchSupervisor } from "../../supervisor/control-client.ts";
import { CommitLines } from "../commit-lines.ts";
import { eventLine, useColours } from "../event-words.ts";
import { type ExitCode, exitCodes } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function watch(flags: FlagsOf<"watch">): Promise<ExitCode> {
  const coloured = useColours(process.stdout, process.env);
  const commits = new CommitLines();
  process.on("SIGINT", () => process.exit(exitCodes.ok));
  await watchSupervisor(resolve(flags.data), (reply) => {
    if (flags.json) process.stdout.write(`${JSON.stringify(reply.kind === "event" ? reply.event : reply)}\n`);
    else if (reply.kind === "event") {
      const event = commits.filter(reply.event);
      if (event !== undefined) process.stdout.write(`${eventLine(event, coloured)}\n`);
    } else process.stdout.write(`… ${reply.count} events were left out: this terminal was too slow\n`);
  });
  process.stderr.write("The system has stopped.\n");
  return exitCodes.ok;
}
