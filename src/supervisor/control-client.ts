/** A command's end of the control socket. */
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type ControlReply, type ControlRequest, controlLimits, type SupervisorFile } from "./control.ts";
import { LineReader } from "./lines.ts";
import { systemCode } from "./refusal.ts";

/** No supervisor answers for this data directory. */
export class NotRunning extends Error {
  override readonly name = "NotRunning";
}

export const supervisorFile = "supervisor.json";

export function readSupervisorFile(directory: string): SupervisorFile | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(directory, supervisorFile), "utf8"));
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const { pid, run, socket, url } = parsed as Record<string, unknown>;
    const valid = typeof pid === "number" && typeof run === "string" && typeof url === "string";
    return valid && typeof socket === "string" ? { pid, run, socket, url } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

async function open(directory: string): Promise<Socket> {
  const file = readSupervisorFile(directory);
  if (file === undefined) {
    throw new NotRunning(
      existsSync(join(directory, "cluster.json"))
        ? `Nothing is running in ${directory}.`
        : `There is no bazaar in ${directory}.`,
    );
  }
  const socket = connect(file.socket);
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  socket.once("connect", () => resolve(socket));
  socket.once("error", (error) => {
    reject(
      new NotRunning(`Nothing is running in ${directory} (its last supervisor was killed).`, {
        cause: error,
      }),
    );
  });
  return await promise;
}

/**
 * Send one request and hand every reply to `receive` until it returns `"done"` or the supervisor hangs up. Rejects
 * with `NotRunning` if there is none.
 */
async function converse(
  directory: string,
  request: ControlRequest,
  receive: (reply: ControlReply) => "more" | "done",
): Promise<void> {
  const socket = await open(directory);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const reader = new LineReader(controlLimits.replyBytes, (line) => {
    if (receive(JSON.parse(line) as ControlReply) === "done") socket.destroy();
  });
  socket.on("data", (chunk: Buffer) => {
    if (!reader.push(chunk)) socket.destroy(new Error("The supervisor's reply is too long."));
  });
  socket.on("error", reject);
  socket.on("close", () => resolve());
  socket.write(`${JSON.stringify(request)}\n`);
  await promise;
}

/** One request, one reply. */
export async function askSupervisor(directory: string, request: ControlRequest): Promise<ControlReply> {
  let answer: ControlReply | undefined;
  await converse(directory, request, (reply) => {
    answer = reply;
    return "done";
  });
  if (answer === undefined) throw new NotRunning(`The supervisor of ${directory} ended before it answered.`);
  return answer;
}

/** Events as they come, until the supervisor ends. */
export async function watchSupervisor(
  directory: string,
  receive: (reply: Extract<ControlReply, { kind: "event" | "dropped" }>) => void,
): Promise<void> {
  await converse(directory, { verb: "watch" }, (reply) => {
    if (reply.kind === "event" || reply.kind === "dropped") receive(reply);
    return "more";
  });
}
