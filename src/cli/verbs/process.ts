/** `process`: what `up` runs for each process of the system. Its configuration comes over the channel, not by flags. */
import { flushCompileCache } from "node:module";
import { unreachable } from "../../base/assert.ts";
import type { CourseConfig } from "../../wire/course.ts";
import type { ProcessConfig, ProcessHost, RunningProcess } from "../../wire/process.ts";
import { type ExitCode, exitCodes, usageFailure } from "../exit.ts";
import { SupervisedHost } from "../process-host.ts";
import type { FlagsOf } from "../verbs.ts";

/** A process is mostly killed, and then keeps no compiled code: it is kept once, well after the busy start. */
const cacheAfterMs = 3_000;

async function startRole(config: ProcessConfig, host: ProcessHost): Promise<RunningProcess> {
  const running = await startAs(config, host);
  setTimeout(flushCompileCache, cacheAfterMs).unref();
  return running;
}

async function startAs(config: ProcessConfig, host: ProcessHost): Promise<RunningProcess> {
  if ("log" in config) return await startCourse(config, host);
  switch (config.role) {
    case "order":
      return (await import("../order-process.ts")).startOrder(config, host);
    case "catalog":
      return (await import("../../catalog/main.ts")).startCatalog(config, host);
    case "frontend":
      return (await import("../../frontend/main.ts")).startFrontend(config, host);
    default:
      return unreachable(config);
  }
}

async function startCourse(config: CourseConfig, host: ProcessHost): Promise<RunningProcess> {
  switch (config.role) {
    case "order":
      return (await import("../../course/order.ts")).startCourseOrder(config, host);
    case "catalog":
      return (await import("../../course/catalog.ts")).startCourseCatalog(config, host);
    case "frontend":
      return (await import("../../course/frontend.ts")).startCourseFrontend(config, host);
    default:
      return unreachable(config);
  }
}

export async function processVerb(flags: FlagsOf<"process">): Promise<ExitCode> {
  if (process.send === undefined) throw usageFailure("`process` is run by `up`, not by hand.");
  new SupervisedHost(startRole);
  if (flags.log === "course") return exitCodes.ok;
  // The role's code is loaded while the supervisor still prepares its configuration.
  if (flags.role === "order") await import("../order-process.ts");
  if (flags.role === "catalog") await import("../../catalog/main.ts");
  if (flags.role === "frontend") await import("../../frontend/main.ts");
  return exitCodes.ok;
}
