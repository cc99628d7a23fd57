/**
 * The fast checker. The service tells with every answer the position at which it was decided, so nothing has to be
 * searched: positions claim an order of all operations, and what is checked is that this order agrees with real time
 * and with a model of a market. Time is that of a few sorts; a million operations take about a second.
 *
 * Sound: a history that a correct service can produce is never rejected. It is not complete: of orders with unknown
 * outcome only necessary conditions are checked.
 */
import { type History, kindCode } from "./history.ts";
import { collectOrders, isPlaced, isUnknown } from "./orders.ts";
import { checkRealTime } from "./real-time.ts";
import { checkRefusals } from "./refusals.ts";
import { checkValues } from "./values.ts";
import { type Counts, Findings, type Verdict } from "./verdict.ts";

export function checkByPosition(history: History): Verdict {
  const findings = new Findings(history);
  const orders = collectOrders(history, findings);
  checkRefusals(history, findings);
  const floors = checkRealTime(history, orders, findings);
  checkValues(history, orders, floors, findings);
  const counts = countOf(history);
  if (findings.total === 0) return { kind: "ok", ...counts };
  return { kind: "illegal", violations: findings.violations, violationsTotal: findings.total, ...counts };
}

export function countOf(history: History): Counts {
  const byKind = [0, 0, 0, 0, 0];
  let orders = 0;
  let unknown = 0;
  for (let i = 0; i < history.size; i++) {
    const kind = history.kind.at(i);
    byKind[kind] = (byKind[kind] ?? 0) + 1;
    if (isPlaced(history, i)) orders++;
    else if (isUnknown(history, i)) unknown++;
  }
  const of = (kind: number): number => byKind[kind] ?? 0;
  return {
    operations: history.size - history.rows,
    orders,
    unknown,
    refused: of(kindCode.order) - orders - unknown,
    reads: of(kindCode.read),
    queries: of(kindCode.query),
    lists: of(kindCode.list),
    items: history.items.texts.length,
    complete: history.header.complete,
  };
}
