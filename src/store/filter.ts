/** Whether an order is one that a filter asks for. */
import type { OrderRow } from "../market/rows.ts";
import type { OrderFilter } from "./port.ts";

export function matchesFilter(order: OrderRow, filter: OrderFilter): boolean {
  const { item, customer, reference, after, before } = filter;
  return (
    (before === undefined || order.number < before) &&
    (after === undefined || order.number > after) &&
    (customer === undefined || order.customer === customer) &&
    (reference === undefined || order.reference === reference) &&
    (item === undefined || order.lines.some((line) => line.id === item))
  );
}
