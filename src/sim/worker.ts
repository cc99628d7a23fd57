/**
 * Runs histories, one after the other, as it is told: a process of its own, loaded under hooks.ts, because what is
 * loaded once is simulated for good. See runner.ts for what is said.
 */
import { PromiseBroken, runHistory } from "./history.ts";
import { Sometimes } from "./sometimes.ts";
import type { Answer, Task } from "./task.ts";

async function carryOut({ seed, ms, faults, traced }: Task): Promise<Answer> {
  const sometimes = new Sometimes();
  const began = performance.now();
  const trace = traced ? { trace: (line: string) => process.stdout.write(`${line}\n`) } : {};
  const took = (): number => performance.now() - began;
  try {
    const verdict = await runHistory({ seed, ms, faults, sometimes, ...trace });
    return { seed, kind: "ok", verdict, counts: [...sometimes.counts], tookMs: took() };
  } catch (error) {
    if (!(error instanceof PromiseBroken)) throw error;
    const { message, history } = error;
    return { seed, kind: "broken", message, history, counts: [...sometimes.counts], tookMs: took() };
  }
}

process.on("message", (task: Task) => {
  void carryOut(task).then((answer) => process.send?.(answer));
});
process.on("disconnect", () => process.exit());
