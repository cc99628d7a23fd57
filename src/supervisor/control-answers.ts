/** What the control socket's requests do to a running supervisor, and what is said of it. */
import { setTimeout as sleep } from "node:timers/promises";
import { unreachable } from "../base/assert.ts";
import type { ControlReply, ControlRequest } from "./control.ts";
import { cutLink, healLinks, slowLinks } from "./link-answers.ts";
import type { StoreRepair } from "./repair.ts";
import type { ReplicaChanges } from "./replica-changes.ts";
import type { SupervisedProcess } from "./supervised-process.ts";
import type { Supervisor } from "./supervisor.ts";

const noMembers =
  "Members come and go only of a system that has started, and keeps its orders in a log of ours.";

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

/** The process that is meant, or why there is none, in words. `leader`: whoever leads, or will in a moment. */
async function named(supervisor: Supervisor, said: string): Promise<SupervisedProcess | string> {
  const name = said === "leader" ? await awaitLeader(supervisor) : said;
  if (name === undefined) return "Nobody leads at the moment; try again, or name a process.";
  return supervisor.process(name) ?? `There is no process ${name}; there are ${supervisor.names.join(", ")}.`;
}

/** Never rejects because of what was asked: that is `refused`, in words. `down` is the caller's. */
export async function answerRequest(
  supervisor: Supervisor,
  request: Exclude<ControlRequest, { verb: "watch" | "down" }>,
  repairs: StoreRepair,
  replicas: ReplicaChanges | undefined,
): Promise<ControlReply> {
  const refused = (message: string): ControlReply => ({ kind: "refused", message });
  if (request.verb === "status") return { kind: "status", cluster: await supervisor.status() };
  if (request.verb === "digests") return { kind: "digests", digests: await supervisor.digests() };
  if (request.verb === "member-add") return (await replicas?.add()) ?? refused(noMembers);
  if (request.verb === "heal") return await healLinks(supervisor);
  if (request.verb === "cut") {
    const [a, b] = [await named(supervisor, request.a), await named(supervisor, request.b)];
    if (typeof a === "string") return refused(a);
    if (typeof b === "string") return refused(b);
    return await cutLink(supervisor, a, b, request.oneWay);
  }
  const process = await named(supervisor, request.name);
  if (typeof process === "string") return refused(process);
  const { name } = process.plan;
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
    case "slow":
      return await slowLinks(supervisor, process, request);
    case "member-remove":
      return (await replicas?.remove(name)) ?? refused(noMembers);
    case "repair":
      return await repairs.repair(name);
    default:
      return unreachable(request);
  }
}
