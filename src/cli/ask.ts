/** Asking the supervisor of a data directory, with its refusals as failures. */
import { resolve } from "node:path";
import type { ControlReply, ControlRequest } from "../supervisor/control.ts";
import { askSupervisor } from "../supervisor/control-client.ts";
import type { ClusterStatus } from "../wire/process.ts";
import { CommandFailure, type ExitCode, exitCodes } from "./exit.ts";

/** Never a refusal: that is thrown. Throws `NotRunning` if there is no supervisor. */
export async function ask(data: string, request: ControlRequest): Promise<ControlReply> {
  const reply = await askSupervisor(resolve(data), request);
  if (reply.kind === "refused") throw new CommandFailure(exitCodes.failure, reply.message);
  return reply;
}

export async function askStatus(data: string): Promise<ClusterStatus> {
  const reply = await ask(data, { verb: "status" });
  if (reply.kind !== "status") throw new CommandFailure(exitCodes.failure, "The supervisor gave no status.");
  return reply.cluster;
}

/** A request that is answered in words. */
export async function command(data: string, request: ControlRequest): Promise<ExitCode> {
  const reply = await ask(data, request);
  if (reply.kind === "done") process.stderr.write(`${reply.message}\n`);
  return exitCodes.ok;
}
