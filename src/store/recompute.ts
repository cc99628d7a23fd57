/**
 * Recompute from the rows themselves whatever the running totals claim: the state hash (P5) and, for every item, the
 * sum that says that nothing was oversold (P3). Every adapter's `digest` is this function over its own rows, so two
 * stores cannot disagree about what a good one is.
 *
 * It takes iterables and keeps one small record per item: memory stays flat however many orders there are.
 */
import { formatHash, HashSum } from "../base/hash128.ts";
import type { ItemId } from "../base/units.ts";
import { answerHash, itemHash, orderHash } from "../market/codec.ts";
import type { Answer, Counters, ItemRow, OrderRow } from "../market/rows.ts";
import type { Digest } from "./port.ts";

/** One consistent view of a store's rows. */
export interface RowSource {
  readonly counters: Counters;
  readonly items: Iterable<ItemRow>;
  /** Ascending by number. */
  readonly orders: Iterable<OrderRow>;
  /** Those of keys and those of open sessions. */
  readonly answers: Iterable<Answer>;
}

/** More would only repeat the first ones. */
const problemsMax = 20;

interface Traded {
  bought: number;
  sold: number;
  /** Units traded, both sides; a cancelled order was a trade too. */
  volume: number;
}

export function recompute(rows: RowSource): Digest {
  const problems: string[] = [];
  const report = (problem: string): void => {
    if (problems.length < problemsMax) problems.push(problem);
  };
  const hash = new HashSum();
  const traded = new Map<ItemId, Traded>();

  let orders = 0;
  for (const order of rows.orders) {
    hash.add(orderHash(order));
    if (order.number !== orders) report(`order ${order.number} stands where order ${orders} should be`);
    orders = order.number + 1;
    addOrder(order, traded, report);
  }
  if (orders !== rows.counters.nextOrder) {
    report(`the next order would be ${rows.counters.nextOrder}, but the last row is order ${orders - 1}`);
  }

  for (const item of rows.items) {
    hash.add(itemHash(item));
    checkItem(item, traded.get(item.id), report);
    traded.delete(item.id);
    if (item.id >= rows.counters.nextItem) {
      report(`item ${item.id} exists, but the next would be ${rows.counters.nextItem}`);
    }
  }
  for (const id of traded.keys()) report(`item ${id} was traded, but there is no such item`);

  for (const answer of rows.answers) hash.add(answerHash(answer));

  const computed = hash.value();
  const { position, hash: stored } = rows.counters;
  if (formatHash(computed) !== formatHash(stored)) {
    report(`the rows' hash is ${formatHash(computed)}, the state says ${formatHash(stored)}`);
  }
  return { position, stored, computed, orders, problems };
}

function addOrder(order: OrderRow, traded: Map<ItemId, Traded>, report: (problem: string) => void): void {
  let total = 0;
  for (const line of order.lines) {
    total += line.quantity * line.priceMinor;
    let sum = traded.get(line.id);
    if (sum === undefined) {
      sum = { bought: 0, sold: 0, volume: 0 };
      traded.set(line.id, sum);
    }
    sum.volume += line.quantity;
    if (order.status === "cancelled") continue;
    if (order.side === "buy") sum.bought += line.quantity;
    else sum.sold += line.quantity;
  }
  if (total !== order.totalMinor) {
    report(`order ${order.number} says a total of ${order.totalMinor}, its lines make ${total}`);
  }
}

function checkItem(item: ItemRow, traded: Traded | undefined, report: (problem: string) => void): void {
  const { bought, sold, volume } = traded ?? { bought: 0, sold: 0, volume: 0 };
  if (item.quantity < 0) report(`item ${item.id} is oversold: ${item.quantity} units are left`);
  const expected = item.supplied - bought + sold;
  if (item.quantity !== expected) {
    report(
      `item ${item.id} has ${item.quantity} units, but supplied ${item.supplied} − bought ${bought} ` +
        `+ sold ${sold} = ${expected}`,
    );
  }
  if (item.volume !== volume) report(`item ${item.id} has a volume of ${item.volume}, its orders ${volume}`);
}
