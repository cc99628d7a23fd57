/**
 * Sees to it that nothing outlives the supervisor.
 *
 * Processes end by themselves when the channel to their supervisor closes, but one that is stopped (SIGSTOP) cannot.
 * The warden is a small shell, in a session of its own, that reads the processes' numbers from a pipe; the pipe ends
 * when the supervisor does, however it does, and then the warden kills what is left. A number may have been given to
 * a stranger meanwhile, so only processes that carry this run's random token on their command line are killed.
 */
import { type ChildProcess, spawn } from "node:child_process";

const script = `
trap '' INT TERM HUP QUIT
pids=
while read -r line; do pids=$line; done
for pid in $pids; do
  if [ -r "/proc/$pid/cmdline" ]; then command=$(tr '\\0' ' ' < "/proc/$pid/cmdline")
  else command=$(ps -o args= -p "$pid" 2>/dev/null)
  fi
  case $command in *"$1"*) kill -KILL "$pid" 2>/dev/null ;; esac
done
exit 0
`;

const restartMs = 200;

export class Warden {
  readonly #run: string;
  #shell: ChildProcess | undefined;
  #pids: readonly number[] = [];
  #closed = false;

  /** `run`: the token that every process of this run carries among its arguments. */
  constructor(run: string) {
    this.#run = run;
    this.#start();
  }

  get pid(): number | undefined {
    return this.#shell?.pid;
  }

  /** The processes that run now; call at every change. */
  watch(pids: readonly number[]): void {
    this.#pids = pids;
    this.#tell();
  }

  /** The supervisor ends in order: whatever still runs is killed now. */
  close(): void {
    this.#closed = true;
    this.#shell?.stdin?.end();
  }

  #tell(): void {
    this.#shell?.stdin?.write(`${this.#pids.join(" ")}\n`);
  }

  #start(): void {
    if (this.#closed) return;
    const shell = spawn("/bin/sh", ["-c", script, "bazaar-warden", this.#run], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#shell = shell;
    // A warden that died takes nothing with it; the next one is told the present numbers.
    shell.stdin.on("error", () => undefined);
    shell.on("error", () => undefined);
    shell.once("close", () => {
      this.#shell = undefined;
      if (!this.#closed) setTimeout(() => this.#start(), restartMs).unref();
    });
    shell.unref();
    this.#tell();
  }
}
