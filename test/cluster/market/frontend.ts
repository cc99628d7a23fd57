/** A front-end as a process: its lives, and the requests that shoppers send to it. */
import type { Listener } from "./connection.ts";
import { FrontendService, type Settled } from "./frontend-service.ts";
import type { Process } from "./machine.ts";
import type { Answer } from "./response.ts";
import type { MarketWorld } from "./world.ts";

export class Frontend {
  readonly process: Process;
  readonly #world: MarketWorld;
  readonly #orders: readonly Listener[];
  readonly #catalogs: readonly Listener[];
  #service: FrontendService | undefined;

  constructor(
    world: MarketWorld,
    process: Process,
    orders: readonly Listener[],
    catalogs: readonly Listener[],
  ) {
    this.#world = world;
    this.process = process;
    this.#orders = orders;
    this.#catalogs = catalogs;
  }

  get holdsLease(): boolean {
    return this.process.isRunning && this.#service?.holdsLease === true;
  }

  start(): void {
    if (this.process.isRunning) return;
    this.process.start();
    this.#service = new FrontendService(this.#world, this.process, this.#orders, this.#catalogs);
  }

  kill(): void {
    if (!this.process.isRunning) return;
    this.process.kill();
    this.#world.connections.endOf(this.process);
  }

  /** A request on the shopper's own connection. Never answered if the front-end dies. */
  read(shopper: string, url: string, answered: (answer: Answer) => void): void {
    const service = this.#service;
    this.process.take(shopper, () => service?.read(url, answered));
  }

  order(shopper: string, command: Uint8Array, settled: Settled): void {
    const service = this.#service;
    this.process.take(shopper, () => service?.order(command, settled));
  }
}
