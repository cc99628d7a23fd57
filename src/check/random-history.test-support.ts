/**
 * Histories at random: a market is run one operation after another, each operation gets an interval around the instant
 * in which it took effect, and what the clients would have seen is recorded.
 */
import { integerBetween, type Random } from "../base/random.ts";
import type { HistoryHeader, InitialItem, Operation } from "./history.ts";

export interface Plan {
  readonly operations: number;
  /** The chance that an order's fate is not learnt. */
  readonly unknown: number;
  /** The chance that an operation is not recorded: the history is then not complete. */
  readonly unrecorded: number;
  /** How far around its instant an operation lasts; instants are 100 apart. */
  readonly spread?: number;
  readonly items?: readonly string[];
}

export interface Generated {
  readonly header: HistoryHeader;
  readonly operations: Operation[];
}

const defaultItems = ["FishCo", "BoarCo", "MenhirCo"];
const priceMinor = 1_000;

interface Item {
  readonly name: string;
  quantity: number;
  volume: number;
  position: number;
}

export function generate(random: Random, plan: Plan): Generated {
  const { spread = 400, items = defaultItems } = plan;
  const market: Item[] = items.map((name) => ({ name, quantity: 40, volume: 0, position: 1 }));
  const initial: InitialItem[] = market.map(({ name, quantity }) => ({
    item: name,
    quantity,
    volume: 0,
    priceMinor,
  }));
  const operations: Operation[] = [];
  const placed: Operation[] = [];
  const between = (low: number, high: number): number => integerBetween(random, low, high);
  let position = 1;
  let number = 0;
  for (let i = 0; i < plan.operations; i++) {
    const instant = (i + 1) * 100;
    const interval = {
      client: between(0, 9),
      start: Math.max(0, instant - between(1, spread)),
      end: instant + between(1, spread),
    };
    const item = market[between(0, market.length - 1)] as Item;
    const dice = random();
    let operation: Operation;
    let retry: Operation | undefined;
    if (dice < 0.45) {
      // Commands that are no orders use positions too.
      position += between(1, 3);
      const side = random() < 0.7 ? "buy" : "sell";
      const quantity = between(1, 9);
      const asked = { ...interval, op: "order", item: item.name, side, quantity, key: `key-${i}` } as const;
      if (side === "buy" && item.quantity < quantity) {
        operation = {
          ...asked,
          status: 409,
          position,
          reason: "insufficient-stock",
          value: { quantity: item.quantity },
        };
      } else {
        item.quantity += side === "buy" ? -quantity : quantity;
        item.volume += quantity;
        item.position = position;
        operation = { ...asked, status: 200, position, number: number++, value: { priceMinor } };
      }
      if (random() < plan.unknown) {
        const { client, start, end, op, item, side, quantity, key } = { ...asked };
        const given = random() < 0.5 ? { end: null, status: null } : { end, status: 504 };
        const again = {
          ...operation,
          start: instant + spread + 100,
          end: instant + between(spread + 101, spread + 500),
        };
        operation = { client, start, op, item, side, quantity, key, ...given };
        if (random() < 0.3) retry = again;
      } else if (operation.status === 200) placed.push(operation);
      if (random() < 0.05) {
        // Never applied at all.
        operations.push({ ...asked, key: `never-${i}`, end: null, status: null });
      }
    } else if (dice < 0.85) {
      const value = { quantity: item.quantity, volume: item.volume, priceMinor };
      operation = { ...interval, op: "read", item: item.name, status: 200, position: item.position, value };
    } else if (dice < 0.92) {
      const known = placed[between(0, Math.max(0, placed.length - 1))];
      if (known === undefined) continue;
      const { item, side, quantity, position, number, value } = known;
      operation = {
        ...interval,
        op: "query",
        item,
        side,
        quantity,
        position,
        number,
        value,
        status: 200,
      } as Operation;
    } else if (dice < 0.94) {
      operation = { ...interval, op: "query", number, status: 404 };
    } else {
      const rows = market.map(({ name, quantity, volume }) => ({ item: name, quantity, volume, priceMinor }));
      operation = { ...interval, op: "list", status: 200, position, rows };
    }
    if (random() < plan.unrecorded) continue;
    operations.push(operation);
    if (retry !== undefined) operations.push(retry);
  }
  const header = plan.unrecorded === 0 ? { complete: true, initial } : { complete: false };
  return { header, operations };
}
