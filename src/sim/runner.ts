/** Hands seeds to workers, as many as there are processors, and collects what becomes of them. */
import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import type { Answer, Task } from "./task.ts";

const hooks = new URL("./hooks.ts", import.meta.url).href;
const workerFile = fileURLToPath(new URL("./worker.ts", import.meta.url));

export interface RunOptions {
  readonly tasks: Iterable<Task>;
  /** The name of the mutant that is loaded, if any. */
  readonly mutant?: string;
  readonly workers?: number;
  /** Of real time: a history that takes longer is given up, and its worker ended. */
  readonly limitMs?: number;
  /** Called in the order in which histories end; true: no further one is begun. */
  readonly answered: (answer: Answer) => boolean;
}

class Worker {
  readonly #child: ChildProcess;
  #waiting: PromiseWithResolvers<Answer> | undefined;

  constructor(mutant: string | undefined) {
    this.#child = fork(workerFile, [], {
      execArgv: ["--disable-warning=ExperimentalWarning", "--max-semi-space-size=64", "--import", hooks],
      env: { ...process.env, ...(mutant !== undefined && { BAZAAR_SIM_MUTANT: mutant }) },
      serialization: "advanced",
    });
    this.#child.on("message", (answer: Answer) => this.#waiting?.resolve(answer));
    this.#child.on("exit", (code, signal) => {
      this.#waiting?.reject(new Error(`a worker ended by ${signal ?? `code ${code}`}`));
    });
  }

  async ask(task: Task, limitMs: number | undefined): Promise<Answer> {
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting = waiting;
    const timer = limitMs === undefined ? undefined : setTimeout(() => this.#child.kill("SIGKILL"), limitMs);
    this.#child.send(task);
    try {
      return await waiting.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

/** Rejects if a worker dies, which no history should make it do. */
export async function runTasks({
  tasks,
  mutant,
  workers = availableParallelism(),
  limitMs,
  answered,
}: RunOptions): Promise<void> {
  const rest = tasks[Symbol.iterator]();
  let enough = false;
  const lane = async (): Promise<void> => {
    const worker = new Worker(mutant);
    try {
      for (let next = rest.next(); next.done !== true && !enough; next = rest.next()) {
        const task = next.value;
        const answer = await worker.ask(task, limitMs).catch((cause: unknown) => {
          throw new Error(`seed ${task.seed} ended its worker`, { cause });
        });
        if (answered(answer)) enough = true;
      }
    } finally {
      worker.close();
    }
  };
  await Promise.all(Array.from({ length: workers }, lane));
}
