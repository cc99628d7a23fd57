/**
 * What the public API speaks of, as the client hands it out. Money is minor units; optional facts that a reply did
 * not have are `undefined`.
 */

export type Side = "buy" | "sell";

/** What every reply tells beside its body. Times are of the client's monotonic clock, over all attempts. */
export interface ReplyFacts {
  readonly status: number;
  /** `Bazaar-Position`: an order's own, an item's last change, a list's state. */
  readonly position: number | undefined;
  /** The answer was remembered from an earlier request with the same key. */
  readonly replayed: boolean;
  readonly cache: string | undefined;
  readonly startNs: number;
  readonly endNs: number;
  readonly attempts: number;
}

export interface Item {
  readonly id: number;
  readonly name: string;
  readonly title: string | undefined;
  readonly topic: string | undefined;
  readonly priceMinor: number;
  readonly currency: string;
  readonly quantity: number;
  readonly volume: number;
}

export interface OrderLine {
  readonly id: number;
  readonly name: string;
  readonly quantity: number;
  readonly priceMinor: number;
}

export interface Order {
  readonly number: number;
  readonly side: Side;
  readonly status: string;
  readonly lines: readonly OrderLine[];
  readonly totalMinor: number;
  readonly currency: string;
  readonly reference: string | undefined;
  readonly customer: string | undefined;
  /** When it was applied, as the service spells it. */
  readonly at: string;
}

export interface LineWish {
  readonly name?: string;
  readonly id?: number;
  readonly quantity: number;
  readonly maxPriceMinor?: number;
  readonly minPriceMinor?: number;
}

/** An order of one item by name, or of lines. */
export type OrderWish = (
  | { readonly name: string; readonly quantity: number }
  | { readonly lines: readonly LineWish[] }
) & {
  readonly type?: Side;
  readonly reference?: string;
  readonly customer?: string;
};

/** The service understood and said no: an expected outcome. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: string;
  readonly message: string;
  readonly status: number;
  /** What could have been had, where the reason is one of quantity. */
  readonly available: number | undefined;
}

export interface Placed {
  readonly kind: "placed";
  readonly order: Order;
}

export type OrderResult = (Placed | Refused) & { readonly key: string; readonly facts: ReplyFacts };

export interface BatchResult {
  readonly kind: "batch";
  readonly results: readonly (Placed | Refused)[];
  readonly key: string;
  readonly facts: ReplyFacts;
}

export type ItemResult =
  | { readonly kind: "found"; readonly item: Item; readonly facts: ReplyFacts }
  | { readonly kind: "missing"; readonly facts: ReplyFacts };

export type OrderQueryResult =
  | { readonly kind: "found"; readonly order: Order; readonly facts: ReplyFacts }
  | { readonly kind: "missing"; readonly facts: ReplyFacts };

export interface ItemsPage {
  readonly items: readonly Item[];
  /** Pass it as `after` for the next page. */
  readonly next: string | undefined;
  readonly facts: ReplyFacts;
}

export interface Leader {
  readonly leader: string;
  readonly id: number;
  readonly port: number | undefined;
  readonly term: number | undefined;
}

export interface ClusterProcess {
  readonly name: string;
  readonly role: string;
  readonly up: boolean;
  readonly [fact: string]: unknown;
}

export interface Cluster {
  readonly market: string;
  readonly leader: string | undefined;
  readonly processes: readonly ClusterProcess[];
  readonly [fact: string]: unknown;
}

/** What the client had to do beyond sending each request once. */
export interface ClientCounters {
  requests: number;
  /** Requests sent again because the connection was lost, refused or silent. */
  retriesLost: number;
  retries503: number;
  retries504: number;
  /** Requests sent again because the service asked to slow down. */
  retries429: number;
  /** Orders sent again, for any of these reasons. */
  ordersResent: number;
}
