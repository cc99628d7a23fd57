/** Whether the service tells the truth about an order: pure comparisons. */
import type { Order, OrderResult, Side } from "../client/types.ts";

/** An acknowledged order as its shopper remembers it. */
export interface OwnOrder {
  readonly order: Order;
  readonly position: number | undefined;
  readonly key: string;
}

export interface Difference {
  readonly fact: string;
  readonly expected: unknown;
  readonly got: unknown;
}

const facts = ["number", "side", "status", "totalMinor", "currency", "reference", "customer", "at"] as const;
const lineFacts = ["id", "name", "quantity", "priceMinor"] as const;

/** Every fact in which a query's answer differs from the acknowledgement. */
export function compareOrders(acknowledged: Order, queried: Order): Difference[] {
  const differences: Difference[] = [];
  for (const fact of facts) {
    if (acknowledged[fact] !== queried[fact]) {
      differences.push({ fact, expected: acknowledged[fact], got: queried[fact] });
    }
  }
  if (acknowledged.lines.length !== queried.lines.length) {
    return [...differences, { fact: "lines", expected: acknowledged.lines, got: queried.lines }];
  }
  acknowledged.lines.forEach((line, at) => {
    for (const fact of lineFacts) {
      const got = queried.lines[at]?.[fact];
      if (line[fact] !== got) differences.push({ fact: `lines[${at}].${fact}`, expected: line[fact], got });
    }
  });
  return differences;
}

/** Whether an acknowledgement is of the order that was asked for. */
export function compareWithWish(
  wish: { readonly name: string; readonly quantity: number; readonly type: Side },
  result: Extract<OrderResult, { kind: "placed" }>,
): Difference[] {
  const { order } = result;
  const line = order.lines[0];
  const differences: Difference[] = [];
  const need = (fact: string, expected: unknown, got: unknown): void => {
    if (expected !== got) differences.push({ fact, expected, got });
  };
  need("lines.length", 1, order.lines.length);
  need("side", wish.type, order.side);
  need("name", wish.name, line?.name);
  need("quantity", wish.quantity, line?.quantity);
  if (line !== undefined) need("totalMinor", line.priceMinor * line.quantity, order.totalMinor);
  return differences;
}
