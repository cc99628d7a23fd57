/** A replica of the group as a process that front-ends and catalogs connect to. */
import { present } from "../../../src/base/assert.ts";
import type { SimReplica } from "../replica.ts";
import type { Accept } from "./connection.ts";
import type { Machine } from "./machine.ts";
import { OrderService } from "./order.ts";
import { acceptCatalog, acceptFrontend } from "./order-acceptor.ts";
import type { MarketWorld } from "./world.ts";

export class OrderProcess implements Machine {
  readonly name: string;
  readonly rate: number;
  readonly replica: SimReplica;
  readonly listens = true;
  readonly #world: MarketWorld;
  /** Of the present life. */
  service: OrderService | undefined;

  /** `rate`: that of the replica's clock. */
  constructor(world: MarketWorld, replica: SimReplica, rate: number) {
    this.#world = world;
    this.replica = replica;
    this.name = `order-${replica.id}`;
    this.rate = rate;
  }

  get id(): number {
    return this.replica.id;
  }

  get isRunning(): boolean {
    return this.replica.isRunning;
  }

  get life(): number {
    return this.replica.incarnation;
  }

  now(): number {
    return this.#world.scheduler.now * this.rate;
  }

  take(source: string, turn: () => void): void {
    this.replica.take(source, () => this.service?.turns.run(turn));
  }

  whenAwake(send: () => void): void {
    this.replica.whenAwake(send);
  }

  /** A new life of the replica has begun, from what its store includes. */
  started(): void {
    this.service = new OrderService(this.#world, this);
  }

  crashed(): void {
    this.service = undefined;
    this.#world.connections.endOf(this);
  }

  readonly accept: Accept = ({ name }, end) => {
    const service = present(this.service, "who accepts is alive");
    return name.startsWith("catalog") ? acceptCatalog(service, end) : acceptFrontend(service, name, end);
  };
}
