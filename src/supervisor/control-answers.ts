/** What the control socket's requests do to a running supervisor, and what is said of it. */
import { setTimeout as sleep } from "node:timers/promises";
import { unreachable } from "../base/assert.ts";
import type { ControlReply, ControlRequest } from "./control.ts";
import type { StoreRepair } from "./repair.ts";
import type { Supervisor } from "./supervisor.ts";

/** After a leader was killed, the next one is there within this. */
const leaderWithinMs = 2_000;
const leaderPollMs = 20;

/** `undefined`: nobody leads, and nobody began to within a bounded time. */
async function awaitLeader(supervisor: Supervisor): Promise<string | undefined> {
  const untilMs = performance.now() + leaderWithinMs;
  for (;;) {
    const { leader } = await supervisor.status();
    if (leader !== null) return leader;
    if (performance.now() > untilMs) return undefined;
    await sleep(leaderPollMs);
  }
}

/** Never rejects because of what was asked: that is `refused`, in words. `down` is the caller's. */
export async function answerRequest(
  supervisor: Supervisor,
  request: Exclude<ControlRequest, { verb: "watch" | "down" }>,
  repairs: StoreRepair,
): Promise<ControlReply> {
  const refused = (message: string): ControlReply => ({ kind: "refused", message });
  if (request.verb === "status") return { kind: "status", cluster: await supervisor.status() };
  if (request.verb === "digests") return { kind: "digests", digests: await supervisor.digests() };
  const name = request.name === "leader" ? await awaitLeader(supervisor) : request.name;
  if (name === undefined) return refused("Nobody leads at the moment; try again, or name a process.");
  const process = supervisor.process(name);
  if (process === undefined) {
    return refused(`There is no process ${name}; there are ${supervisor.names.join(", ")}.`);
  }
  const done = (message: string): ControlReply => ({ kind: "done", message });
  switch (request.verb) {
    case "kill":
      if (process.pid === undefined && !request.stayDown) return refused(`${name} is not running.`);
      process.kill(request.stayDown);
      return done(
        request.stayDown ? `${name} was killed and stays down until \`start ${name}\`` : `${name} was killed`,
      );
    case "start":
      return process.restart() ? done(`${name} is being started`) : refused(`${name} is running already.`);
    case "pause":
      // What it says last is what is shown of it while it is paused.
      await process.askStatus();
      if (process.pause()) return done(`${name} is paused until \`resume ${name}\``);
      return refused(`${name} is ${process.life}; only a ready process can be paused.`);
    case "resume":
      return process.resume() ? done(`${name} goes on`) : refused(`${name} is ${process.life}, not paused.`);
    case "repair":
      return await repairs.repair(name);
    default:
      return unreachable(request);
  }
}
