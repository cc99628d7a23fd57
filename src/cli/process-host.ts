/**
 * A process's end of the channel to its supervisor: receives what it is to be, runs it, answers for it, and ends with
 * the channel. A process without its supervisor must not run, because nobody would restart or stop it.
 */
import { Socket } from "node:net";
import { unreachable } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import { linkFaults } from "../wire/link-faults.ts";
import type {
  ClusterStatus,
  FromProcess,
  ProcessConfig,
  ProcessEvent,
  ProcessHost,
  RunningProcess,
  ServiceAddress,
  ToProcess,
} from "../wire/process.ts";
import { exitCodes } from "./exit.ts";

/** Starts the process that a configuration describes; resolves once it is ready. */
export type StartRole = (config: ProcessConfig, host: ProcessHost) => Promise<RunningProcess>;

const clusterTimeoutMs = 2_000;
const clusterAsksMax = 256;

export class SupervisedHost implements ProcessHost {
  readonly #start: StartRole;
  readonly #asked = new Map<number, PromiseWithResolvers<ClusterStatus>>();
  #nextTicket = 1;
  #watched = false;
  #running: RunningProcess | undefined;
  #stopping = false;
  /** What was said of the order replicas since the start. */
  #orders: readonly ServiceAddress[] | undefined;
  #onReplicas: (orders: readonly ServiceAddress[]) => void = () => {};

  constructor(start: StartRole) {
    this.#start = start;
    // Ctrl-C is the supervisor's; it stops its processes in order.
    process.on("SIGINT", () => undefined);
    process.on("SIGTERM", () => void this.#stop());
    process.on("uncaughtException", (error) => this.fatal(error));
    process.on("disconnect", () => process.exit(exitCodes.failure));
    process.on("message", (message, handle) => this.#receive(message as ToProcess, handle));
    // The channel may have closed before anyone listened.
    if (!process.connected) process.exit(exitCodes.failure);
  }

  get watched(): boolean {
    return this.#watched;
  }

  emit(event: ProcessEvent): void {
    this.#send({ kind: "event", at: Date.now(), event });
  }

  onReplicas(listener: (orders: readonly ServiceAddress[]) => void): void {
    this.#onReplicas = listener;
    if (this.#orders !== undefined) listener(this.#orders);
  }

  async cluster(): Promise<ClusterStatus> {
    if (this.#asked.size >= clusterAsksMax) {
      throw new OperatingFailure("unavailable", "Too many questions to the supervisor are open.");
    }
    const ticket = this.#nextTicket++;
    const answer = Promise.withResolvers<ClusterStatus>();
    this.#asked.set(ticket, answer);
    const timer = setTimeout(() => {
      answer.reject(new OperatingFailure("unavailable", "The supervisor does not answer."));
    }, clusterTimeoutMs);
    this.#send({ kind: "ask-cluster", ticket });
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#asked.delete(ticket);
    }
  }

  fatal(error: unknown): void {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    // Synchronous, since standard error is a pipe: the words are out before the process is gone.
    process.stderr.write(`fatal: ${told}\n`);
    process.exit(exitCodes.failure);
  }

  #receive(message: ToProcess, handle: unknown): void {
    switch (message.kind) {
      case "start":
        void this.#run(message.config);
        return;
      case "links":
        linkFaults.set(message.self, message.rules);
        return;
      case "ask-status":
        if (this.#running === undefined) return;
        this.#send({ kind: "status", ticket: message.ticket, status: this.#running.status() });
        return;
      case "ask-digest":
        void this.#answerDigest(message.ticket);
        return;
      case "ping":
        this.#send({ kind: "pong" });
        return;
      case "connection":
        this.#take(handle);
        return;
      case "cluster":
        this.#asked.get(message.ticket)?.resolve(message.cluster);
        return;
      case "replicas":
        this.#orders = message.orders;
        this.#onReplicas(message.orders);
        return;
      case "change-members": {
        const refusal =
          this.#running === undefined ? "not-leading" : this.#running.changeMembers?.(message.change);
        this.#send({ kind: "change-answered", ticket: message.ticket, refusal: refusal ?? null });
        return;
      }
      case "watch":
        this.#watched = message.on;
        return;
      case "stop":
        void this.#stop();
        return;
      default:
        unreachable(message);
    }
  }

  async #run(config: ProcessConfig): Promise<void> {
    try {
      this.#running = await this.#start(config, this);
    } catch (error) {
      if (!(error instanceof OperatingFailure) || error.code !== "wrong-data") {
        this.fatal(error);
        return;
      }
      // Trying again would not help: the operator must look.
      process.stderr.write(`${error.message}\n`);
      process.send?.({ kind: "failed", message: error.message } satisfies FromProcess, () => {
        process.exit(exitCodes.failure);
      });
      return;
    }
    if (!this.#stopping) this.#send({ kind: "ready" });
    else await this.#stop();
  }

  /** The word that it was taken leaves first: see `taken` in wire/process.ts. */
  #take(handle: unknown): void {
    const taken: FromProcess = { kind: "taken" };
    process.send?.(taken, undefined, undefined, () => {
      // One that was closed while it was handed over arrives without its socket.
      if (!(handle instanceof Socket)) return;
      // As a server's own connections are: a client may close its half and still read the reply.
      handle.allowHalfOpen = true;
      if (this.#running?.connection === undefined) handle.destroy();
      else this.#running.connection(handle);
    });
  }

  async #answerDigest(ticket: number): Promise<void> {
    let digest: unknown;
    try {
      digest = await this.#running?.digest?.();
    } catch (error) {
      digest = { error: error instanceof Error ? error.message : String(error) };
    }
    this.#send({ kind: "digest", ticket, digest });
  }

  async #stop(): Promise<void> {
    const again = this.#stopping;
    this.#stopping = true;
    // Still starting: nothing was accepted, and what is on disk is safe at any moment.
    if (this.#running === undefined) process.exit(exitCodes.ok);
    if (again) return;
    try {
      await this.#running.stop();
    } catch (error) {
      this.fatal(error);
    }
    process.exit(exitCodes.ok);
  }

  #send(message: FromProcess): void {
    // A channel that is closing ends the process through "disconnect".
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  }
}
