/**
 * Runs histories, one after the other, as it is told: a process of its own, loaded under hooks.ts, because what is
 * loaded once is simulated for good. See runner.ts for what is said.
 */
import { Convicted, runCourseHistory } from "./course-history.ts";
import { runHistory } from "./history.ts";
import { Sometimes } from "./sometimes.ts";
import type { Answer, Task } from "./task.ts";
import { PromiseBroken } from "./world.ts";

async function carryOut({ seed, ms, faults, traced, log }: Task): Promise<Answer> {
  const sometimes = new Sometimes();
  const began = process.cpuUsage();
  const trace = traced ? { trace: (line: string) => process.stdout.write(`${line}\n`) } : {};
  const cpuMs = (): number => {
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1_000;
  };
  try {
    const options = { seed, ms, faults, ...trace };
    const verdict =
      log === "course" ? await runCourseHistory(options) : await runHistory({ ...options, sometimes });
    return { seed, kind: "ok", verdict, counts: [...sometimes.counts], cpuMs: cpuMs() };
  } catch (error) {
    if (!(error instanceof PromiseBroken)) throw error;
    const { message, history } = error;
    const charges = error instanceof Convicted ? { charges: error.charges } : {};
    const told = { message, history, counts: [...sometimes.counts], ...charges };
    return { seed, kind: "broken", ...told, cpuMs: cpuMs() };
  }
}

// What processes of production tell of their memory would be this one's.
process.memoryUsage.rss = () => 0;

process.on("message", (task: Task) => {
  void carryOut(task).then((answer) => process.send?.(answer));
});
// What a history that was broken off leaves behind is nobody's; one that goes on looks at its own rejections itself.
process.on("unhandledRejection", () => {});
process.on("disconnect", () => process.exit());
