/**
 * What the processes of the published protocol say to each other: each request has one reply, as their HTTP and RPC
 * calls had. There is no request id, no term and no position in any of them, and that is the point.
 */
import type { Side } from "../market/definition.ts";

export interface CourseItem {
  /** From 1, in the order of the market's definition. */
  readonly id: number;
  readonly name: string;
  readonly title?: string;
  readonly topic?: string;
  readonly priceMinor: number;
  readonly quantity: number;
  /** Units traded so far, both ways. */
  readonly volume: number;
}

/** A line of an order log. */
export interface CourseOrder {
  readonly number: number;
  readonly id: number;
  readonly name: string;
  readonly side: Side;
  readonly quantity: number;
  /** Of one unit. */
  readonly priceMinor: number;
}

export interface Wish {
  readonly name: string;
  readonly side: Side;
  readonly quantity: number;
}

export type Request =
  | { readonly kind: "ping" }
  /** Front-end → catalog. */
  | { readonly kind: "look-up"; readonly name: string }
  | { readonly kind: "list" }
  /** Front-end → leader, and the same again leader → catalog. */
  | { readonly kind: "trade"; readonly wish: Wish }
  /** Front-end → leader. */
  | { readonly kind: "query"; readonly number: number }
  /** Front-end → every replica. */
  | { readonly kind: "leader-is"; readonly id: number }
  /** Leader → followers: append this. */
  | { readonly kind: "record"; readonly order: CourseOrder }
  /** Returning replica → leader: which orders come after this number? */
  | { readonly kind: "missed"; readonly after: number }
  /** Catalog → front-end: drop the item from the cache. */
  | { readonly kind: "invalidate"; readonly name: string };

export type RefusalReason =
  | "item-not-found"
  | "insufficient-stock"
  | "max-quantity-exceeded"
  | "side-not-allowed";

export type Reply =
  | { readonly kind: "done" }
  /** There is no such item or order; or: who was asked does not lead. */
  | { readonly kind: "none" }
  | { readonly kind: "item"; readonly item: CourseItem }
  | { readonly kind: "items"; readonly items: readonly CourseItem[] }
  | { readonly kind: "order"; readonly order: CourseOrder }
  | { readonly kind: "orders"; readonly orders: readonly CourseOrder[] }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly available?: number };

/** What a process does with a request. May reject: the one who asked then has no answer. */
export type Handler = (request: Request) => Promise<Reply>;

/** Nothing came back: the other is gone, silent or failed. Whether it has done what was asked, nobody knows. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** A way to another process. The tests have links of their own, which lose and hold what they are told to. */
export interface Link {
  /** Rejects with `NoAnswer`. */
  ask(request: Request, withinMs?: number): Promise<Reply>;
}

/** Best effort: whether it arrived is not found out. */
export async function tell(link: Link, request: Request, withinMs?: number): Promise<void> {
  try {
    await link.ask(request, withinMs);
  } catch (error) {
    // The published systems log this and go on.
    if (!(error instanceof NoAnswer)) throw error;
  }
}
