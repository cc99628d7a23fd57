/**
 * The smallest history of a violation: what can be left out of an illegal history so that it stays illegal is left out,
 * in ever smaller parts (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002).
 *
 * Leaving out must not make a fault of its own: what is legal must stay legal, or the smallest history would tell of
 * something that never happened. Observations can always go. Orders can where others may have ordered too; so a complete
 * history is first tried as an open one. In one that is illegal only because it is complete, an order goes only with its
 * whole item; or if it ended before all that is left of its item began, then into `initial`; or if it began after that
 * ended.
 */
import { checkByPosition } from "./by-position.ts";
import {
  type History,
  type HistoryHeader,
  historyOf,
  type InitialItem,
  type Operation,
  operationsOf,
} from "./history.ts";
import { checkLinearizable } from "./linearizable.ts";
import type { Violation } from "./verdict.ts";

export interface Recording {
  readonly header: HistoryHeader;
  readonly operations: readonly Operation[];
}

/** Whether a recording has the fault that is looked for. */
export type Faulty = (recording: Recording) => boolean;

/** What is kept or left out as one: the lines of one order, or one observation. */
interface Unit {
  readonly lines: readonly Operation[];
  readonly kind: "placed" | "unknown" | "observation";
  readonly start: number;
  /** Infinity for an unknown outcome. */
  readonly end: number;
}

/** Recordings judged at most; what is reached then is the answer. */
const trialsMax = 4_000;

/** Configurations searched for an item of a candidate: what takes longer is not small. */
const configurationsMax = 20_000;

/** The smallest history found in which a violation of the same rule remains. */
export function smallestOf(history: History, { rule }: Violation): Recording {
  const recording = { header: history.header, operations: operationsOf(history) };
  const orders = ({ operations }: Recording): number => operations.filter(({ op }) => op === "order").length;
  const all = orders(recording);
  return smallest(recording, (candidate) => {
    // Whose order is left out leaves a gap: of a complete history only the whole can tell of one.
    if (rule === "number-gap" && candidate.header.complete && orders(candidate) < all) return false;
    const some = historyOf(candidate.operations, candidate.header);
    if (rule === "linearizable") return checkLinearizable(some, { configurationsMax }).kind === "illegal";
    const verdict = checkByPosition(some);
    return verdict.kind === "illegal" && verdict.violations.some((violation) => violation.rule === rule);
  });
}

/** `recording` must be faulty; the result is, and has no operations that the first one had not. */
export function smallest(recording: Recording, faulty: Faulty, trials: number = trialsMax): Recording {
  let left = trials;
  const judge = (candidate: Recording | undefined): boolean =>
    candidate !== undefined && left-- > 0 && faulty(candidate);
  const { positions } = recording.header;
  const open = {
    header: { complete: false, ...(positions === false && { positions }) },
    operations: recording.operations,
  };
  let best = recording;
  if (!recording.header.complete || judge(open)) {
    const { header } = open;
    const units = unitsOf(recording.operations);
    best = {
      header,
      operations: linesOf(reduced(units, (kept) => judge({ header, operations: linesOf(kept) }))),
    };
  } else {
    best = withFewerItems(best, judge);
    for (let size = -1; size !== best.operations.length; ) {
      size = best.operations.length;
      best = withFewerOperations(best, judge);
    }
  }
  return withFewerRows(best, judge);
}

/** Leave out parts of `all`, halves first and single ones last, as long as `holds` of what is kept. */
function reduced<T>(all: readonly T[], holds: (kept: readonly T[]) => boolean): readonly T[] {
  let kept = all;
  for (let size = all.length; size >= 1; ) {
    let removed = false;
    for (let at = 0; at < kept.length; ) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)];
      if (holds(fewer)) {
        kept = fewer;
        removed = true;
      } else at += size;
    }
    if (!removed || size > 1) size = size === 1 && !removed ? 0 : Math.max(1, size >> 1);
  }
  return kept;
}

function linesOf(units: readonly Unit[]): Operation[] {
  return units.flatMap(({ lines }) => lines).sort((a, b) => a.start - b.start);
}

/** By start. */
function unitsOf(operations: readonly Operation[]): Unit[] {
  const groups = new Map<unknown, Operation[]>();
  operations.forEach((operation, at) => {
    const name = operation.op === "order" && operation.key !== undefined ? operation.key : at;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [operation]);
    else group.push(operation);
  });
  return [...groups.values()].map(unitOf).sort((a, b) => a.start - b.start);
}

function unitOf(lines: readonly Operation[]): Unit {
  const placed = lines.filter(({ op, status }) => op === "order" && status === 200);
  const isOpen = placed.length === 0 && !lines.some(isRefusal) && lines.some(isUnknownOutcome);
  const ends = (placed.length > 0 ? placed : lines).map(({ end }) => end ?? Number.POSITIVE_INFINITY);
  return {
    lines,
    kind: placed.length > 0 ? "placed" : isOpen ? "unknown" : "observation",
    start: Math.min(...lines.map(({ start }) => start)),
    end: isOpen ? Number.POSITIVE_INFINITY : Math.min(...ends),
  };
}

/** Decided by the market, which remembers it for the key. */
const isRefusal = ({ op, status }: Operation): boolean => op === "order" && status === 409;

const isUnknownOutcome = ({ op, status }: Operation): boolean =>
  op === "order" && (status === null || status >= 500);

type Judge = (candidate: Recording | undefined) => boolean;

function withFewerItems({ header, operations }: Recording, judge: Judge): Recording {
  const initial = header.initial ?? [];
  const only = (kept: readonly InitialItem[]): Recording => {
    const names = new Set(kept.map(({ item }) => item));
    const some = operations.flatMap((operation) => {
      if (operation.rows !== undefined) {
        return [{ ...operation, rows: operation.rows.filter(({ item }) => names.has(item)) }];
      }
      return operation.item === undefined || names.has(operation.item) ? [operation] : [];
    });
    return { header: { ...header, initial: kept }, operations: some };
  };
  const kept = reduced(initial, (some) => judge(only(some)));
  return kept.length === initial.length ? { header, operations } : only(kept);
}

function withFewerOperations(recording: Recording, judge: Judge): Recording {
  const units = unitsOf(recording.operations);
  const observations = units.filter(({ kind }) => kind === "observation");
  const orders = units.filter(({ kind }) => kind !== "observation");
  const seen = reduced(observations, (kept) => {
    return judge({ ...recording, operations: linesOf([...orders, ...kept]) });
  });
  const without = (kept: readonly Unit[]): Recording | undefined => {
    const dropped = new Set(orders);
    for (const unit of kept) dropped.delete(unit);
    return leftOut(recording.header, [...dropped], [...kept, ...seen]);
  };
  const kept = reduced(orders, (some) => judge(without(some)));
  return without(kept) ?? recording;
}

/** The recording without some orders, or `undefined` if that could make a fault. */
function leftOut(
  header: HistoryHeader,
  dropped: readonly Unit[],
  kept: readonly Unit[],
): Recording | undefined {
  const spans = spansOf(kept);
  const numbers = new Set(
    kept.flatMap(({ lines }) => lines.flatMap(({ op, number }) => (op === "query" ? [number] : []))),
  );
  const initial = new Map((header.initial ?? []).map((item) => [item.item, item]));
  for (const unit of dropped) {
    const [{ item = "", side = "buy", quantity = 0 }] = unit.lines as [Operation];
    if (unit.lines.some(({ number }) => number !== undefined && numbers.has(number))) return undefined;
    const span = spans.get(item);
    if (span === undefined || unit.start > span.last) continue;
    if (unit.kind === "unknown" || unit.end >= span.first) return undefined;
    const before = initial.get(item);
    if (before === undefined) continue;
    const after = before.quantity + (side === "sell" ? quantity : -quantity);
    if (after < 0) return undefined;
    initial.set(item, { ...before, quantity: after, volume: before.volume + quantity });
  }
  return { header: { ...header, initial: [...initial.values()] }, operations: linesOf(kept) };
}

interface Span {
  readonly first: number;
  /** The last end of what must have ended. */
  readonly last: number;
}

/** For each item, when what is kept of it began first and ended last. */
function spansOf(units: readonly Unit[]): Map<string, Span> {
  const spans = new Map<string, Span>();
  const widen = (item: string | undefined, start: number, end: number): void => {
    if (item === undefined) return;
    const { first, last } = spans.get(item) ?? { first: start, last: Number.NEGATIVE_INFINITY };
    spans.set(item, {
      first: Math.min(first, start),
      last: Math.max(last, Number.isFinite(end) ? end : last),
    });
  };
  for (const { lines, start, end } of units) {
    for (const { item, rows = [] } of lines) {
      widen(item, start, end);
      for (const row of rows) widen(row.item, start, end);
    }
  }
  return spans;
}

/** Rows of lists that do not matter. */
function withFewerRows(recording: Recording, judge: Judge): Recording {
  let best = recording;
  recording.operations.forEach((list, at) => {
    if (list.rows === undefined) return;
    const withRows = (rows: Operation["rows"] = []): Recording => {
      return { ...best, operations: best.operations.with(at, { ...list, rows }) };
    };
    const rows = reduced(list.rows, (some) => judge(withRows(some)));
    best = withRows(rows);
  });
  return best;
}
