/**
 * A process of the simulated system over all its lives: code of production on a machine, and a supervisor's part in it.
 * It ends by being killed, by its machine's power, or by its own word (`host.fatal`), and is started again.
 */
import { OperatingFailure } from "../base/failure.ts";
import type {
  ClusterStatus,
  ProcessEvent,
  ProcessHost,
  RunningProcess,
  ServiceAddress,
} from "../wire/process.ts";
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";

/** Thrown where a real process would have ended: nothing behind it runs. */
export class ProcessEnded extends Error {
  override readonly name = "ProcessEnded";
}

export interface ProcessEvents {
  emitted(process: SimProcess, event: ProcessEvent): void;
  /** It said that it cannot go on, or died of an error that it did not catch. */
  died(process: SimProcess, error: unknown): void;
  /** What lies on its disk cannot be started from, and only an operator can help. */
  refused(process: SimProcess, error: OperatingFailure): void;
  cluster(): ClusterStatus;
}

export class SimProcess {
  readonly machine: Machine;
  readonly #network: Network;
  readonly #events: ProcessEvents;
  readonly #run: (host: ProcessHost) => Promise<RunningProcess>;
  running: RunningProcess | undefined;
  /** What this life was told of the order replicas, and who listens. */
  #orders: readonly ServiceAddress[] | undefined;
  #onReplicas: (orders: readonly ServiceAddress[]) => void = () => {};
  /** Over all its lives: whoever in it hears of that later is as dead. */
  readonly diedOf = new Set<unknown>();

  constructor(
    machine: Machine,
    network: Network,
    events: ProcessEvents,
    run: (host: ProcessHost) => Promise<RunningProcess>,
  ) {
    this.machine = machine;
    this.#network = network;
    this.#events = events;
    this.#run = run;
  }

  get name(): string {
    return this.machine.name;
  }

  get isReady(): boolean {
    return this.running !== undefined;
  }

  start(): void {
    const { machine } = this;
    this.#orders = undefined;
    this.#onReplicas = () => {};
    machine.begin();
    const { life } = machine;
    machine.schedule.trace(() => `${machine.name} starts`);
    machine.schedule.for(machine, 0, "input", () => {
      this.#run(this.#host()).then(
        (running) => {
          if (machine.life !== life) return;
          this.running = running;
          machine.schedule.trace(() => `${machine.name} is ready`);
        },
        (error: unknown) => {
          if (machine.life !== life || error instanceof ProcessEnded) return;
          this.#over();
          if (error instanceof OperatingFailure && error.code === "wrong-data")
            this.#events.refused(this, error);
          else this.#events.died(this, error);
        },
      );
    });
  }

  /** In the process's own turn: its supervisor says which order replicas there are. */
  tellReplicas(orders: readonly ServiceAddress[]): void {
    this.#orders = orders;
    this.#onReplicas(orders);
  }

  /** It is gone between two of its steps. What its system has of it stays: files as written, bytes under way. */
  kill(): void {
    if (!this.machine.isRunning) return;
    this.machine.schedule.trace(() => `${this.name} is killed`);
    this.#over();
  }

  #over(): void {
    this.#network.ended(this.machine);
    this.machine.end();
    this.running = undefined;
  }

  /** An error that nobody caught ends a process. */
  failed(error: unknown): void {
    if (error instanceof ProcessEnded || !this.machine.isRunning) return;
    this.machine.schedule.trace(() => `${this.name} dies of ${error instanceof Error ? error.stack : error}`);
    this.diedOf.add(error);
    this.#over();
    this.#events.died(this, error);
  }

  #host(): ProcessHost {
    return {
      emit: (event) => this.#events.emitted(this, event),
      watched: false,
      onReplicas: (listener) => {
        this.#onReplicas = listener;
        if (this.#orders !== undefined) listener(this.#orders);
      },
      cluster: async () => this.#events.cluster(),
      fatal: (error) => {
        this.failed(error);
        throw new ProcessEnded(this.name);
      },
    };
  }
}
