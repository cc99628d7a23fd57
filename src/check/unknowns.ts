/**
 * The orders of unknown outcome of one item: how many of each shape have been said to have taken effect, and which sets
 * of them would make an operation possible that is not.
 */
import type { Room } from "./headroom.ts";
import { sideCode } from "./history.ts";
import type { Act, ItemModel, ItemState } from "./item-model.ts";
import type { Shape } from "./item-tasks.ts";

/** An operation that is to be made possible, and where. */
export interface Wanted {
  readonly model: ItemModel;
  readonly state: ItemState;
  readonly act: Act;
  readonly deadline: number;
  readonly room: Room;
}

export class Unknowns {
  readonly #shapes: readonly Shape[];
  readonly #used: Int32Array;
  #bought = 0;
  #sold = 0;

  constructor(shapes: readonly Shape[]) {
    this.#shapes = shapes;
    this.#used = new Int32Array(shapes.length);
  }

  get any(): boolean {
    return this.#shapes.length > 0;
  }

  /** How often each was used: part of a configuration. */
  key(): string {
    return this.#shapes.length === 0 ? "" : this.#used.join();
  }

  /** The model's step, and for queries that found one of these the count. */
  step(model: ItemModel, state: ItemState, act: Act): ItemState | undefined {
    if (act.kind !== "found-unknown" || !model.exact) return model.step(state, act);
    return (this.#used[act.shape] ?? 0) >= act.count ? state : undefined;
  }

  /** Whether more was traded by these orders than there is room for. */
  isTooMuch(room: Room): boolean {
    return this.#bought > room.bought || this.#sold > room.sold;
  }

  use(state: ItemState, shape: number): ItemState {
    this.#count(shape, 1);
    return applied(state, this.#shapes[shape] as Shape);
  }

  giveBack(shape: number): void {
    this.#count(shape, -1);
  }

  #count(shape: number, times: number): void {
    const { side, quantity } = this.#shapes[shape] as Shape;
    this.#used[shape] = (this.#used[shape] as number) + times;
    if (side === sideCode.sell) this.#sold += quantity * times;
    else this.#bought += quantity * times;
  }

  #traded(side: number): number {
    return side === sideCode.sell ? this.#sold : this.#bought;
  }

  /** The one of this shape that was used last, or is about to be given back. */
  lineOf(shape: number): number {
    const { lines } = this.#shapes[shape] as Shape;
    return lines[Math.max(0, (this.#used[shape] as number) - 1)] as number;
  }

  /**
   * The sets of `size` orders, as lists of shapes, that may have taken effect by `deadline` and after which the model
   * allows `act`; but none of which the beginning allows it already. Sales come first in each: then, if all fit at the
   * end, each fits in its turn. Nothing comes above `room`; every trial costs of the budget.
   */
  sets(wanted: Wanted, size: number, budget: { left: number }): { sets: number[][]; larger: boolean } {
    const { model, act, deadline, room } = wanted;
    const sets: number[][] = [];
    const taken: number[] = [];
    let larger = false;
    const extend = (first: number, now: ItemState): void => {
      if (--budget.left <= 0) return;
      const accepted = taken.length > 0 && now.quantity >= 0 && this.step(model, now, act) !== undefined;
      if (taken.length === size) {
        if (accepted) sets.push(taken.toSorted((a, b) => this.#side(b) - this.#side(a)));
        else larger = true;
      }
      if (accepted || taken.length === size) return;
      for (let shape = first; shape < this.#shapes.length; shape++) {
        const one = this.#shapes[shape] as Shape;
        if ((one.starts[this.#used[shape] as number] ?? Number.POSITIVE_INFINITY) > deadline) continue;
        if (act.kind === "placed" && one.side !== sideCode.sell) continue;
        if (now.volume + one.quantity > room.volume || overshoots(now, one, act)) continue;
        if (this.#traded(one.side) + one.quantity > (one.side === sideCode.sell ? room.sold : room.bought))
          continue;
        taken.push(shape);
        const next = this.use(now, shape);
        extend(shape, next);
        this.giveBack(shape);
        taken.pop();
      }
    };
    extend(0, wanted.state);
    return { sets, larger };
  }

  #side(shape: number): number {
    return (this.#shapes[shape] as Shape).side;
  }
}

/** Whether one more order leads past what was shown: units bought and units sold can only grow. */
function overshoots(now: ItemState, { side, quantity }: Shape, act: Act): boolean {
  if (act.kind !== "shown" || Number.isNaN(act.volume)) return false;
  const units = act.volume - now.volume;
  if (Number.isNaN(act.quantity)) return quantity > units;
  const gain = act.quantity - now.quantity;
  return quantity > (side === sideCode.sell ? (units + gain) / 2 : (units - gain) / 2);
}

function applied(state: ItemState, { side, quantity }: Shape): ItemState {
  return {
    ...state,
    quantity: state.quantity + (side === sideCode.sell ? quantity : -quantity),
    volume: state.volume + quantity,
  };
}
