/**
 * Which replicas may lack something that they acknowledged: those whose disk was damaged, and those whose machine lost its
 * power, since a torn tail looks just like a damaged one. Each counts until it has said for a while that it is whole.
 */
import type { OrderMachine } from "./cluster.ts";

/** So long after it was said to be whole again, it counts as one that can be relied on. */
const wholeForMs = 3_000;

interface Mark {
  wholeSince: number | undefined;
}

export class Lacking {
  readonly #damaged = new Map<OrderMachine, Mark>();
  readonly #shaken = new Map<OrderMachine, Mark>();

  get isNobody(): boolean {
    return this.#damaged.size + this.#shaken.size === 0;
  }

  get isAnyDamaged(): boolean {
    return this.#damaged.size > 0;
  }

  damaged(order: OrderMachine): void {
    this.#damaged.set(order, { wholeSince: undefined });
  }

  /** Its machine lost its power. */
  shaken(order: OrderMachine): void {
    this.#shaken.set(order, { wholeSince: undefined });
  }

  /** Whether a majority of so many is left that lacks nothing, if this one may lack something too. */
  leavesMajority(order: OrderMachine, members: number): boolean {
    const lacking = new Set([...this.#damaged.keys(), ...this.#shaken.keys(), order]);
    return lacking.size * 2 < members;
  }

  /** Who is whole by now. To be called often. */
  look(now: number): void {
    for (const marked of [this.#damaged, this.#shaken]) {
      for (const [order, mark] of marked) {
        const status = order.process.running?.status();
        const isWhole = status !== undefined && status.state !== "recovering" && status.inDoubt !== true;
        if (!isWhole) mark.wholeSince = undefined;
        else mark.wholeSince ??= now;
        if (mark.wholeSince !== undefined && now - mark.wholeSince > wholeForMs) marked.delete(order);
      }
    }
  }
}
