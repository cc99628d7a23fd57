/** What a shop counts while it runs. One thread, one object; `report.ts` turns it into the report. */
import { Histogram } from "./histogram.ts";

export type RequestKind = "read" | "order" | "query";

export interface Mismatch {
  readonly client: number;
  readonly what: "own-order" | "backward-read" | "wrong-answer";
  readonly message: string;
  readonly orderNumber?: number;
  readonly expected?: unknown;
  readonly got?: unknown;
}

/** Told in full; more are only counted. */
const mismatchesMax = 100;
const errorMessagesMax = 20;

export class Tally {
  readonly latencies = {
    read: new Histogram(),
    order: new Histogram(),
    query: new Histogram(),
  } as const satisfies Record<RequestKind, Histogram>;
  readonly refusals = new Map<string, number>();
  readonly mismatches: Mismatch[] = [];
  readonly errorMessages: string[] = [];
  mismatchesTotal = 0;
  errors = 0;
  placed = 0;
  /** Placed orders whose answer came under a key that the service had answered before. */
  replayed = 0;
  unknown = 0;
  verified = 0;
  rounds = 0;
  ordersInFlight = 0;
  writeGapNs = 0;
  #lastPlacedNs: number | undefined;

  placedAt(ns: number): void {
    this.placed++;
    if (this.#lastPlacedNs !== undefined)
      this.writeGapNs = Math.max(this.writeGapNs, ns - this.#lastPlacedNs);
    this.#lastPlacedNs = ns;
  }

  refused(reason: string): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }

  mismatch(mismatch: Mismatch): void {
    this.mismatchesTotal++;
    if (this.mismatches.length < mismatchesMax) this.mismatches.push(mismatch);
  }

  error(message: string): void {
    this.errors++;
    if (this.errorMessages.length < errorMessagesMax) this.errorMessages.push(message);
  }
}
