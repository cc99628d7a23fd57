/**
 * The rules of values: replay each item's orders by position, and compare what reads showed.
 *
 * In any history: one position has one value, volumes never fall, and between two reads they rise at least by the
 * orders known to lie between. In a complete one: what a read shows is the initial value and all orders up to its
 * position, and what remains must be the work of orders whose outcome is unknown. For those, only necessary
 * conditions are checked (they bought B and sold S units, both made of their quantities, never falling), so a valid
 * history is never rejected.
 *
 * This is the checker's own model of a market; it shares nothing with the service's.
 */
import { type History, insufficientStock, kindCode, none } from "./history.ts";
import { type Context, differ, type ItemHistory, isRead, shows } from "./item-history.ts";
import type { Orders } from "./orders.ts";
import type { UnknownFloors } from "./real-time.ts";
import { checkComplete } from "./replay.ts";
import { grouped, indexesWhere, sortByKey } from "./sort.ts";
import type { Findings } from "./verdict.ts";

export function checkValues(
  history: History,
  orders: Orders,
  floors: UnknownFloors,
  findings: Findings,
): void {
  const context = { history, orders, floors, findings };
  for (const item of byItem(context)) {
    if (checkSamePosition(context, item) && history.header.complete) checkComplete(context, item);
    else if (!history.header.complete) checkVolumes(context, item);
  }
}

function byItem({ history, orders, floors }: Context): ItemHistory[] {
  const { header, kind, status, position, item: itemOf } = history;
  const initial = new Map((header.initial ?? []).map((item) => [item.item, item]));
  const observations = grouped(
    history.items.texts.length,
    sortByKey(
      indexesWhere(history.size, (i) => {
        if (position.at(i) === none || itemOf.at(i) === none) return false;
        if (shows(history, i)) return status.at(i) === 200;
        return (
          header.complete &&
          kind.at(i) === kindCode.order &&
          history.reasons.texts[history.reason.at(i)] === insufficientStock
        );
      }),
      position.values,
    ),
    (i) => itemOf.at(i),
  );
  const itemOfOrder = (order: number): number => itemOf.at(orders.operation[order] as number);
  const changes = grouped(
    history.items.texts.length,
    orders.inOrder.filter((order) => itemOfOrder(order) !== none),
    itemOfOrder,
  );
  const unknown: number[][] = history.items.texts.map(() => []);
  orders.unknown.forEach((operation, at) => void unknown[itemOf.at(operation)]?.push(at));
  return history.items.texts.map((name, item) => ({
    name,
    item,
    initial: initial.get(name),
    changes: changes[item] as Uint32Array,
    observations: observations[item] as Uint32Array,
    unknown: (unknown[item] as number[]).sort((a, b) => (floors[a] as number) - (floors[b] as number)),
  }));
}

/** One value at one position; a read at an order's position has its price; no position of another item's order. */
function checkSamePosition({ history, orders, findings }: Context, item: ItemHistory): boolean {
  const { valueQuantity, position } = history;
  const before = findings.total;
  let previous = none;
  let read = none;
  let change = 0;
  for (const i of item.observations) {
    if (valueQuantity.at(i) < 0) findings.add("negative-stock", `${item.name}: ${valueQuantity.at(i)}`, [i]);
    if (!shows(history, i)) continue;
    const here = position.at(i);
    if (previous !== none && position.at(previous) === here && valuesDiffer(history, previous, i)) {
      findings.add("value-changed", `${item.name} has two values at position ${here}`, [previous, i]);
    }
    previous = i;
    // A row's position is that of a state, in which anything may have changed last.
    if (!isRead(history, i) || (read !== none && position.at(read) === here)) continue;
    read = i;
    const positionOfChange = (at: number): number =>
      at < item.changes.length
        ? (orders.position[item.changes[at] as number] as number)
        : Number.POSITIVE_INFINITY;
    while (positionOfChange(change) < here) change++;
    if (positionOfChange(change) === here) {
      const order = orders.operation[item.changes[change] as number] as number;
      if (differ(history.valuePrice.at(order), history.valuePrice.at(i))) {
        findings.add("value", `${item.name}: the order at position ${here} had another price`, [order, i]);
      }
      continue;
    }
    const other = orderAt(orders, here);
    const line = other === none ? none : (orders.operation[other] as number);
    if (line !== none && history.item.at(line) !== none) {
      findings.add("foreign-position", `position ${here} is an order on another item than ${item.name}`, [
        line,
        i,
      ]);
    }
  }
  return findings.total === before;
}

function valuesDiffer({ valueQuantity, valueVolume, valuePrice }: History, a: number, b: number): boolean {
  return (
    differ(valueQuantity.at(a), valueQuantity.at(b)) ||
    differ(valueVolume.at(a), valueVolume.at(b)) ||
    differ(valuePrice.at(a), valuePrice.at(b))
  );
}

/** The order at a position, by bisection; −1 if none is known. */
function orderAt(orders: Orders, position: number): number {
  let low = 0;
  let high = orders.inOrder.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((orders.position[orders.inOrder[middle] as number] as number) < position) low = middle + 1;
    else high = middle;
  }
  const found = orders.inOrder[low];
  return found !== undefined && orders.position[found] === position ? found : none;
}

/** Without completeness: from one read to the next the volume rises at least by the known orders between them. */
function checkVolumes({ history, orders, findings }: Context, item: ItemHistory): void {
  let previous = none;
  let change = 0;
  let units = 0;
  for (const i of item.observations) {
    const here = history.position.at(i);
    for (; change < item.changes.length; change++) {
      const order = item.changes[change] as number;
      if ((orders.position[order] as number) > here) break;
      units += Math.max(0, history.quantity.at(orders.operation[order] as number));
    }
    if (Number.isNaN(history.valueVolume.at(i))) continue;
    if (previous !== none) {
      const rise = history.valueVolume.at(i) - history.valueVolume.at(previous);
      if (rise < units) {
        findings.add(
          "value",
          `${item.name}: its volume rose by ${rise} from position ${history.position.at(previous)} to ${here}, where orders of ${units} units lie`,
          [previous, i],
        );
        return;
      }
    }
    units = 0;
    previous = i;
  }
}
