/**
 * The simulated world of one history, one at a time: its time, its network, and what becomes of errors that nobody
 * caught. Code of production finds it by what hooks.ts gives it in place of timers, sockets and files.
 */
import { assert } from "../base/assert.ts";
import type { Operation } from "../check/history.ts";
import { enterWorld } from "./clock.ts";
import { enterHttp } from "./http.ts";
import type { Machine } from "./machine.ts";
import { unmountAll } from "./mounts.ts";
import { enterNetwork } from "./net.ts";
import { Network } from "./network.ts";
import { ProcessEnded, type SimProcess } from "./process.ts";
import { Schedule } from "./schedule.ts";
import { removeTextFiles } from "./text-files.ts";

/** A promise was broken; `history` is what the shoppers were told until then. */
export class PromiseBroken extends Error {
  override readonly name: string = "PromiseBroken";
  readonly history: readonly Operation[];

  constructor(message: string, history: readonly Operation[], cause?: unknown) {
    super(message, { cause });
    this.history = history;
  }
}

export interface WorldOptions {
  readonly seed: number;
  readonly trace?: ((line: string) => void) | undefined;
  /** Whoever may have thrown. */
  readonly processes: () => readonly SimProcess[];
}

const lookMs = 100;

export class World {
  readonly schedule: Schedule;
  readonly network: Network;
  readonly #processes: () => readonly SimProcess[];

  /** It is entered, and must be left. */
  constructor({ seed, trace, processes }: WorldOptions) {
    this.#processes = processes;
    this.schedule = new Schedule(seed, (machine, error) => this.#uncaught(machine, error), trace);
    this.network = new Network(this.schedule);
    enterWorld(this.schedule);
    enterNetwork(this.network);
    enterHttp(this.network);
    process.on("unhandledRejection", this.#rejected);
  }

  leave(): void {
    process.off("unhandledRejection", this.#rejected);
    enterWorld(undefined);
    enterNetwork(undefined);
    enterHttp(undefined);
    unmountAll();
    removeTextFiles();
  }

  /** Let time go by; rejects if it takes longer than `withinMs`, and tells `status`. */
  async until(what: string, withinMs: number, condition: () => boolean, status: () => string): Promise<void> {
    const { schedule } = this;
    const end = schedule.now + withinMs;
    while (!condition()) {
      assert(schedule.now < end, () => `within ${withinMs} ms of the last fault: ${what}\n${status()}`);
      await schedule.run(schedule.now + lookMs);
    }
  }

  /** A promise was rejected, by whichever process, and nobody handled it: it would have ended in production. */
  readonly #rejected = (error: unknown): void => {
    const isOver = error instanceof ProcessEnded || this.#processes().some(({ diedOf }) => diedOf.has(error));
    if (!isOver) this.schedule.fail(error);
  };

  /** The process whose turn it is threw. */
  #uncaught(machine: Machine | undefined, error: unknown): void {
    if (error instanceof ProcessEnded) return;
    const process = this.#processes().find((one) => one.machine === machine);
    if (process === undefined) this.schedule.fail(error);
    else process.failed(error);
  }
}
