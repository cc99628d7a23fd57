/**
 * The rules of real time. One sweep over all starts and ends in order of time: what had been seen by everybody who
 * was finished when an operation began bounds what that operation may show.
 *
 * Only "ended strictly before it began" counts as before: equal instants are concurrent.
 */
import { type History, kindCode, none } from "./history.ts";
import { isPlaced, type Orders } from "./orders.ts";
import { indexesWhere, sortByKey } from "./sort.ts";
import type { Findings } from "./verdict.ts";

/** A highest position, and the operation that saw it. */
interface Seen {
  position: number;
  operation: number;
}

/** For each unknown order (by its place in `orders.unknown`): it can only be at a higher position than this. */
export type UnknownFloors = Float64Array;

export const insufficientStock = "insufficient-stock";

/** Whether the operation's position is that of the item's last change. */
function tellsOfItem(history: History, i: number): boolean {
  return history.kind.at(i) !== kindCode.list && history.status.at(i) === 200 && history.item.at(i) !== none;
}

export function checkRealTime(history: History, orders: Orders, findings: Findings): UnknownFloors {
  const { size, start, end } = history;
  const starts = sortByKey(
    indexesWhere(size, () => true),
    start.values,
  );
  const ends = sortByKey(
    indexesWhere(size, (i) => history.position.at(i) !== none && history.status.at(i) !== none),
    end.values,
  );
  const any: Seen = { position: none, operation: none };
  const ofItem: Seen[] = history.items.texts.map(() => ({ position: none, operation: none }));
  const floors = new Float64Array(orders.unknown.length).fill(none);
  const unknownAt = new Map(orders.unknown.map((operation, at) => [operation, at]));
  let ended = 0;
  for (const i of starts) {
    const now = start.at(i);
    for (; ended < ends.length && end.at(ends[ended] as number) < now; ended++) {
      see(history, ends[ended] as number, any, ofItem);
    }
    const at = unknownAt.size === 0 ? undefined : unknownAt.get(i);
    if (at !== undefined) floors[at] = any.position;
    checkStart(history, orders, findings, i, any, ofItem);
  }
  return floors;
}

function see(history: History, i: number, any: Seen, ofItem: readonly Seen[]): void {
  const position = history.position.at(i);
  // A query that found nothing, or a missing item, carries a position of another meaning.
  const refusedOrder = history.kind.at(i) === kindCode.order;
  if (history.status.at(i) !== 200 && !refusedOrder) return;
  if (position > any.position) {
    any.position = position;
    any.operation = i;
  }
  if (!tellsOfItem(history, i)) return;
  const seen = ofItem[history.item.at(i)] as Seen;
  if (position > seen.position) {
    seen.position = position;
    seen.operation = i;
  }
}

function checkStart(
  history: History,
  orders: Orders,
  findings: Findings,
  i: number,
  any: Seen,
  ofItem: readonly Seen[],
): void {
  switch (history.kind.at(i)) {
    case kindCode.order:
      checkOrder(history, orders, findings, i, any, ofItem);
      return;
    case kindCode.read: {
      if (history.status.at(i) !== 200) return;
      const seen = ofItem[history.item.at(i)] as Seen;
      if (history.position.at(i) >= seen.position) return;
      const backward = history.kind.at(seen.operation) === kindCode.read;
      findings.add(
        backward ? "backward-read" : "real-time-read",
        `a read of ${history.items.texts[history.item.at(i)]} shows position ${history.position.at(i)}, after ${seen.position} was seen`,
        [seen.operation, i],
      );
      return;
    }
    case kindCode.query: {
      if (history.status.at(i) !== 404) return;
      const order = orders.byNumber.get(history.number.at(i));
      if (order === undefined || (orders.seenEnd[order] as number) >= history.start.at(i)) return;
      findings.add("lost-order", `order ${history.number.at(i)} was acknowledged and is not found`, [
        orders.operation[order] as number,
        i,
      ]);
      return;
    }
    default:
      return;
  }
}

function checkOrder(
  history: History,
  orders: Orders,
  findings: Findings,
  i: number,
  any: Seen,
  ofItem: readonly Seen[],
): void {
  const order = orders.orderOf[i] as number;
  if (order !== none) {
    // Only the first line of a key: a later one is answered with what was decided before it began.
    if (history.start.at(i) !== orders.firstStart[order]) return;
    const position = orders.position[order] as number;
    if (position > any.position) return;
    findings.add(
      "real-time-order",
      `order ${orders.number[order]} is at position ${position}, and began after ${any.position} was seen`,
      [any.operation, orders.operation[order] as number],
    );
    return;
  }
  if (isPlaced(history, i) || history.position.at(i) === none) return;
  const key = history.key.at(i);
  if (key !== none && history.start.at(i) !== orders.keyStart[key]) return;
  if (history.reasons.texts[history.reason.at(i)] !== insufficientStock) return;
  const seen = ofItem[history.item.at(i)] as Seen;
  if (history.position.at(i) >= seen.position) return;
  findings.add(
    "real-time-refusal",
    `a refusal at position ${history.position.at(i)} began after ${seen.position} was seen`,
    [seen.operation, i],
  );
}
