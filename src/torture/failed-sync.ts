/** A disk that fails a sync, once: strace, attached to the process, answers it in the disk's stead. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { until } from "./wait.ts";

/** False where it can be done, else why not. */
export const cannotFailSync: string | false =
  spawnSync("strace", ["--version"]).status === 0 ? false : "needs strace: apt-get install strace";

const syncs = "fsync,fdatasync";
const attachedWithinMs = 15_000;

/** The next sync of a file by a process fails with EIO, from when this resolves until it is closed. */
export class FailedSync {
  readonly #tracer: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(tracer: ChildProcess) {
    this.#tracer = tracer;
    this.#ended = once(tracer, "exit");
  }

  static async attach(pid: number, path: string): Promise<FailedSync> {
    const words = ["-f", "-p", `${pid}`, "-P", path, "-e", `trace=${syncs}`];
    const tracer = spawn("strace", [...words, "-e", `inject=${syncs}:error=EIO:when=1`], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const failing = new FailedSync(tracer);
    let said = "";
    tracer.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    try {
      await until(
        "strace to be attached",
        () => {
          if (tracer.exitCode !== null) throw new Error(`strace ended: ${said}`);
          return /attached/.test(said);
        },
        attachedWithinMs,
      );
    } catch (error) {
      await failing.close();
      throw error;
    }
    return failing;
  }

  /** Let go of the process, which goes on, if it still runs. */
  async close(): Promise<void> {
    if (this.#tracer.exitCode === null && this.#tracer.signalCode === null) {
      // Told to end, it detaches from what it traces; killed, it would too, and leave it stopped at worst.
      this.#tracer.kill("SIGTERM");
      const timer = setTimeout(() => this.#tracer.kill("SIGKILL"), 2_000);
      await this.#ended;
      clearTimeout(timer);
    }
  }
}
