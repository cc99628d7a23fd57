/** What the rules of values look at: one item's part of a history. */
import { type History, type InitialItem, kindCode } from "./history.ts";
import type { Orders } from "./orders.ts";
import type { UnknownFloors } from "./real-time.ts";
import type { Findings } from "./verdict.ts";

/** What happened to one item, all by index; changes are orders, observations and unknowns are operations. */
export interface ItemHistory {
  readonly name: string;
  readonly item: number;
  readonly initial: InitialItem | undefined;
  /** By position. */
  readonly changes: Uint32Array;
  /** Reads that found it, rows of lists, and in a complete history refusals for want of stock, by position. */
  readonly observations: Uint32Array;
  /** Places in `orders.unknown`, by floor. */
  readonly unknown: readonly number[];
}

export interface Context {
  readonly history: History;
  readonly orders: Orders;
  readonly floors: UnknownFloors;
  readonly findings: Findings;
}

/** Whether two values differ; an absent one (NaN) differs from none. */
export function differ(a: number, b: number): boolean {
  return !Number.isNaN(a) && !Number.isNaN(b) && a !== b;
}

export function isRead(history: History, i: number): boolean {
  return history.kind.at(i) === kindCode.read;
}

/** A read, or the row of a list: it shows an item. */
export function shows(history: History, i: number): boolean {
  return isRead(history, i) || history.kind.at(i) === kindCode.row;
}
