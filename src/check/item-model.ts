/**
 * One item of a market, as a sequential object: what each operation does to it, and whether it can have been answered
 * as it was. This is the linearizability checker's own model; it shares nothing with the service's.
 *
 * Two models. The *exact* one knows where the item began and that only recorded orders change it. The *open* one knows
 * neither: others order, restock and reprice, so that any quantity and price may be shown at any time; but a volume
 * never falls, and rises by every order that was placed.
 */
import { type InitialItem, sideCode } from "./history.ts";

export interface ItemState {
  /** NaN in the open model. */
  readonly quantity: number;
  /** In the open model the least that it can be. */
  readonly volume: number;
  /** NaN until it is known. */
  readonly price: number;
  /** How many of the placed orders have taken effect. They do so in the order of their numbers. */
  readonly placed: number;
}

/** What an operation did or saw; NaN where it did not tell. */
export type Act =
  /** `rank` counts the item's placed orders by number, from 0. */
  | {
      readonly kind: "placed";
      readonly rank: number;
      readonly side: number;
      readonly quantity: number;
      readonly price: number;
    }
  | { readonly kind: "short"; readonly side: number; readonly asked: number; readonly available: number }
  | { readonly kind: "shown"; readonly quantity: number; readonly volume: number; readonly price: number }
  | { readonly kind: "found"; readonly rank: number }
  | { readonly kind: "missing"; readonly rank: number }
  /** At least `count` orders of unknown outcome of this shape (its index) have taken effect; the search keeps count. */
  | { readonly kind: "found-unknown"; readonly shape: number; readonly count: number }
  /** The item is said not to exist. */
  | { readonly kind: "absent" };

export interface ItemModel {
  readonly exact: boolean;
  readonly initial: ItemState;
  /** The state after an act, or `undefined` if it cannot have happened in this one. Changes nothing: the same object. */
  readonly step: (state: ItemState, act: Act) => ItemState | undefined;
}

const fits = (told: number, actual: number): boolean =>
  Number.isNaN(told) || Number.isNaN(actual) || told === actual;

export function exactModel({ quantity, volume, priceMinor }: InitialItem): ItemModel {
  return {
    exact: true,
    initial: { quantity, volume, price: priceMinor ?? Number.NaN, placed: 0 },
    step: exactStep,
  };
}

export const openModel: ItemModel = {
  exact: false,
  initial: { quantity: Number.NaN, volume: 0, price: Number.NaN, placed: 0 },
  step: openStep,
};

function exactStep(state: ItemState, act: Act): ItemState | undefined {
  switch (act.kind) {
    case "placed": {
      if (act.rank !== state.placed || !fits(act.price, state.price)) return undefined;
      const quantity = state.quantity + (act.side === sideCode.sell ? act.quantity : -act.quantity);
      if (quantity < 0) return undefined;
      return {
        quantity,
        volume: state.volume + act.quantity,
        price: learnt(state, act.price),
        placed: state.placed + 1,
      };
    }
    case "short":
      if (act.side === sideCode.sell || state.quantity >= act.asked) return undefined;
      return fits(act.available, state.quantity) ? state : undefined;
    case "shown":
      if (!fits(act.quantity, state.quantity) || !fits(act.volume, state.volume)) return undefined;
      if (!fits(act.price, state.price)) return undefined;
      return Number.isNaN(state.price) && !Number.isNaN(act.price) ? { ...state, price: act.price } : state;
    case "found":
      return state.placed > act.rank ? state : undefined;
    case "missing":
      return state.placed <= act.rank ? state : undefined;
    default:
      return undefined;
  }
}

/** The price never changes, so whoever tells it first tells it for all. */
function learnt({ price }: ItemState, told: number): number {
  return Number.isNaN(price) ? told : price;
}

function openStep(state: ItemState, act: Act): ItemState | undefined {
  switch (act.kind) {
    case "placed":
      if (act.rank !== state.placed) return undefined;
      return { ...state, volume: state.volume + act.quantity, placed: state.placed + 1 };
    case "short":
      if (act.side === sideCode.sell || act.available < 0 || act.available >= act.asked) return undefined;
      return state;
    case "shown":
      if (act.quantity < 0 || act.volume < state.volume) return undefined;
      return act.volume > state.volume ? { ...state, volume: act.volume } : state;
    case "found":
      return state.placed > act.rank ? state : undefined;
    case "missing":
      return state.placed <= act.rank ? state : undefined;
    default:
      return state;
  }
}

/** Whether an act can no longer happen, whatever follows. */
export function isTooLate(state: ItemState, act: Act): boolean {
  switch (act.kind) {
    case "shown":
      return act.volume < state.volume;
    case "missing":
      return act.rank < state.placed;
    default:
      return false;
  }
}
