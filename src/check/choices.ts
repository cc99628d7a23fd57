/**
 * What can be tried next in one configuration, found as late as it is needed: most histories never need more than the
 * first choice.
 *
 * In the exact model: the next order by number, as it is; then each operation that does not fit the state, after a set
 * of orders of unknown outcome that makes it fit. Nothing else needs to be tried: an order of unknown outcome that nothing
 * needs here can be moved behind the operation that follows it. In the open model: the next order; then the observation
 * that shows the least volume, since after any other one that one is too late.
 */
import type { Room } from "./headroom.ts";
import type { ItemModel, ItemState } from "./item-model.ts";
import type { OpenTasks } from "./open-tasks.ts";
import type { Unknowns } from "./unknowns.ts";

export interface Move {
  /** Shapes of orders of unknown outcome that take effect first, in this order. */
  readonly unknown: readonly number[];
  readonly task: number;
}

export class Choices {
  readonly #model: ItemModel;
  readonly #state: ItemState;
  readonly #open: OpenTasks;
  readonly #unknowns: Unknowns;
  readonly #room: Room;
  readonly #budget: { left: number };
  /** What is tried after the next order; made when first asked. */
  #rest: Generator<Move> | undefined;

  constructor(
    model: ItemModel,
    state: ItemState,
    open: OpenTasks,
    unknowns: Unknowns,
    budget: { left: number },
    room: Room,
  ) {
    this.#model = model;
    this.#state = state;
    this.#open = open;
    this.#unknowns = unknowns;
    this.#room = room;
    this.#budget = budget;
  }

  /** To be asked only in the configuration for which it was made. */
  next(): Move | undefined {
    if (this.#rest === undefined) {
      this.#rest = this.#model.exact ? this.#afterUnknown() : this.#leastShown();
      const order = this.#order();
      if (order !== undefined) return { unknown: [], task: order };
    }
    const { value } = this.#rest.next();
    return value ?? undefined;
  }

  #order(): number | undefined {
    return this.#candidates().find((name) => {
      const { act } = this.#open.task(name);
      return act.kind === "placed" && this.#model.step(this.#state, act) !== undefined;
    });
  }

  #candidates(): number[] {
    return this.#open.candidates(this.#open.deadline());
  }

  /** By the sets' size: few orders of unknown outcome explain more often than many. */
  *#afterUnknown(): Generator<Move> {
    const deadline = this.#open.deadline();
    const room = this.#room;
    if (!this.#unknowns.any) return;
    let tasks = this.#open.candidates(deadline).filter((task) => this.#isHelped(task, room));
    for (let size = 1; tasks.length > 0; size++) {
      const larger: number[] = [];
      for (const task of tasks) {
        const { act } = this.#open.task(task);
        const wanted = { model: this.#model, state: this.#state, act, deadline, room };
        const found = this.#unknowns.sets(wanted, size, this.#budget);
        if (found.larger) larger.push(task);
        for (const unknown of found.sets) yield { unknown, task };
      }
      tasks = larger;
    }
  }

  /** Whether an operation is not possible, and orders of unknown outcome may make it so. */
  #isHelped(task: number, room: Room): boolean {
    const { act } = this.#open.task(task);
    if (act.kind === "found" || act.kind === "missing" || act.kind === "absent") return false;
    if (act.kind === "placed" && act.rank !== this.#state.placed) return false;
    if (act.kind === "shown" && act.volume > room.volume) return false;
    return this.#unknowns.step(this.#model, this.#state, act) === undefined;
  }

  *#leastShown(): Generator<Move> {
    let least: number | undefined;
    let volume = Number.POSITIVE_INFINITY;
    for (const task of this.#candidates()) {
      const { act } = this.#open.task(task);
      if (act.kind !== "shown" || !(act.volume > this.#state.volume) || act.volume >= volume) continue;
      if (this.#model.step(this.#state, act) === undefined) continue;
      volume = act.volume;
      least = task;
    }
    if (least !== undefined) yield { unknown: [], task: least };
  }
}
