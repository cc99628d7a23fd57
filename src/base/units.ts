/**
 * Branded numbers. A position is not an order number is not a term, and the compiler says so. Each is made only by
 * its asserting constructor; all are safe non-negative integers.
 */
import { assert } from "./assert.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Counts commands of the market, refused ones too; the first command has position 1, the empty market is at 0. */
export type Position = Branded<"Position">;
/** Counts entries of the replicated log, from 1; 0 is before the first. An entry is a run of commands. */
export type LogIndex = Branded<"LogIndex">;
/** A leader's reign in the replicated log, from 1; 0 is before the first election (Raft §5.1). */
export type Term = Branded<"Term">;
/** The number of an accepted order: dense from 0; refused orders use none. */
export type OrderNumber = Branded<"OrderNumber">;
/** An item's immutable number, from 1. */
export type ItemId = Branded<"ItemId">;
/** An order replica's number, from 1; the highest prefers to lead. */
export type ReplicaId = Branded<"ReplicaId">;
/** A front-end's session with the market: the position of the command that opened it. */
export type SessionId = Branded<"SessionId">;
/** The market's only time: one a second of the leader's monotonic clock, logged. */
export type Ticks = Branded<"Ticks">;

function count<T extends number>(name: string): (value: number) => T {
  return (value) => {
    assert(
      Number.isSafeInteger(value) && value >= 0,
      () => `${name} must be a non-negative safe integer: ${value}`,
    );
    return value as T;
  };
}

export const position = count<Position>("position");
export const logIndex = count<LogIndex>("log index");
export const term = count<Term>("term");
export const orderNumber = count<OrderNumber>("order number");
export const itemId = count<ItemId>("item id");
export const replicaId = count<ReplicaId>("replica id");
export const sessionId = count<SessionId>("session id");
export const ticks = count<Ticks>("ticks");
