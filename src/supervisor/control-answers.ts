/** What the control socket's requests do to a running supervisor, and what is said of it. */
import { unreachable } from "../base/assert.ts";
import type { ControlReply, ControlRequest } from "./control.ts";
import type { Supervisor } from "./supervisor.ts";

/** Never rejects because of what was asked: that is `refused`, in words. `down` is the caller's. */
export async function answerRequest(
  supervisor: Supervisor,
  request: Exclude<ControlRequest, { verb: "watch" | "down" }>,
): Promise<ControlReply> {
  const refused = (message: string): ControlReply => ({ kind: "refused", message });
  if (request.verb === "status") return { kind: "status", cluster: await supervisor.status() };
  if (request.verb === "digests") return { kind: "digests", digests: await supervisor.digests() };
  const name = request.name === "leader" ? ((await supervisor.status()).leader ?? "leader") : request.name;
  if (name === "leader") return refused("Nobody leads at the moment; try again, or name a process.");
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
    default:
      return unreachable(request);
  }
}
