/**
 * The plainest checker there is: try every order of one item's operations. It knows no numbers of configurations, no
 * memory and no shortcuts, and takes the history as it was written; only for a handful of operations.
 */
import type { HistoryHeader, Operation } from "./history.ts";

interface State {
  readonly quantity: number;
  readonly volume: number;
  readonly lastNumber: number;
  /** Numbers of the orders that have been placed. */
  readonly numbers: readonly number[];
}

/** Every key is used by one line. Whether some order explains a history of one item. */
export function someOrderExplains(header: HistoryHeader, operations: readonly Operation[]): boolean {
  const [initial] = header.initial ?? [];
  const told = operations.filter(({ status, op }) => status !== null && (status < 500 || op !== "order"));
  const unknown = operations.filter(({ status, op }) => op === "order" && (status === null || status >= 500));
  const exact = header.complete && initial !== undefined;
  const first = {
    quantity: initial?.quantity ?? 0,
    volume: exact ? initial.volume : 0,
    lastNumber: -1,
    numbers: [],
  };
  const from = (state: State, open: readonly Operation[], possible: readonly Operation[]): boolean => {
    if (open.length === 0) return true;
    const next = (one: Operation): boolean =>
      open.every((other) => other === one || !((other.end ?? Number.POSITIVE_INFINITY) < one.start));
    for (const one of open) {
      if (!next(one)) continue;
      const after = exact ? stepExact(state, one) : stepOpen(state, one);
      if (
        after !== undefined &&
        from(
          after,
          open.filter((other) => other !== one),
          possible,
        )
      )
        return true;
    }
    for (const one of exact ? possible : []) {
      if (!next(one)) continue;
      const after = stepExact(state, { ...one, status: 200 });
      if (
        after !== undefined &&
        from(
          after,
          open,
          possible.filter((other) => other !== one),
        )
      )
        return true;
    }
    return false;
  };
  return from(first, told, unknown);
}

function stepExact(
  state: State,
  { op, side, quantity = 0, status, number, value }: Operation,
): State | undefined {
  const { quantity: left, volume } = state;
  switch (op) {
    case "order": {
      if (status === 409) {
        if (side === "sell" || left >= quantity) return undefined;
        return value?.quantity === undefined || value.quantity === left ? state : undefined;
      }
      if (side === "buy" && left < quantity) return undefined;
      const after = side === "buy" ? left - quantity : left + quantity;
      return numbered({ ...state, quantity: after, volume: volume + quantity }, number);
    }
    case "read":
      if (value?.quantity !== undefined && value.quantity !== left) return undefined;
      return value?.volume === undefined || value.volume === volume ? state : undefined;
    default:
      return state.numbers.includes(number ?? -1) === (status === 200) ? state : undefined;
  }
}

function stepOpen(state: State, operation: Operation): State | undefined {
  const { op, side, quantity = 0, status, number, value } = operation;
  switch (op) {
    case "order":
      if (status === 409) {
        const available = value?.quantity ?? 0;
        return side === "buy" && available >= 0 && available < quantity ? state : undefined;
      }
      return numbered({ ...state, volume: state.volume + quantity }, number);
    case "read":
      if ((value?.quantity ?? 0) < 0) return undefined;
      if (value?.volume === undefined) return state;
      return value.volume < state.volume ? undefined : { ...state, volume: value.volume };
    default:
      return state.numbers.includes(number ?? -1) === (status === 200) ? state : undefined;
  }
}

/** Orders take effect in the order of their numbers; one without a number is of unknown outcome. */
function numbered(state: State, number: number | undefined): State | undefined {
  if (number === undefined) return state;
  if (number <= state.lastNumber) return undefined;
  return { ...state, lastNumber: number, numbers: [...state.numbers, number] };
}
