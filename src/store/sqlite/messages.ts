/** What the store says to its two worker threads and they to it. Both run the same program, so the types are trusted. */
import type { FailureCode } from "../../base/failure.ts";
import type { LogIndex, OrderNumber, SessionId } from "../../base/units.ts";
import type { MarketDefinition } from "../../market/definition.ts";
import type { Answer, Counters, ItemRow, OrderRow, SessionRow } from "../../market/rows.ts";
import type { Digest, OrderFilter, Stored } from "../port.ts";

/**
 * What a thread may take, so that the process's memory stays flat: it works through rows that are garbage a moment
 * later, and V8 would rather grow than collect.
 */
export const threadLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 } as const;

/** The state after entry `index`, as the difference from that after the group before. One transaction. */
export interface GroupMessage {
  readonly kind: "group";
  readonly index: LogIndex;
  readonly counters: Counters;
  readonly definition: MarketDefinition | undefined;
  /** `writeOrder`, so many times; the answers below likewise by `writeAnswer`. */
  readonly orderCount: number;
  readonly orderBytes: Uint8Array;
  readonly answerCount: number;
  readonly answerBytes: Uint8Array;
  readonly sessionAnswerCount: number;
  readonly sessionAnswerBytes: Uint8Array;
  readonly items: readonly ItemRow[];
  /** Session and sequence in turn. */
  readonly forgotten: readonly number[];
  readonly sessions: readonly SessionRow[];
  readonly closedSessions: readonly SessionId[];
}

/** To the writer: one group at a time, then `close`. */
export type WriterMessage = GroupMessage | { readonly kind: "close" };

/** From the writer: `opened` or a failure first; `written` for each group; after a failure nothing. */
export type WriterReport =
  | { readonly kind: "opened"; readonly index: LogIndex }
  | { readonly kind: "written" }
  | Failed;

export interface Failed {
  readonly kind: "failed";
  readonly code: FailureCode;
  readonly message: string;
}

/** To the reader. Each is answered once. */
export type ReadRequest =
  | { readonly kind: "load" }
  | { readonly kind: "order"; readonly number: OrderNumber }
  | { readonly kind: "orders"; readonly filter: OrderFilter }
  /** 16 bytes for each key, as in the table. */
  | { readonly kind: "answers"; readonly keys: Uint8Array }
  | { readonly kind: "digest" };

/** What each request is answered with. */
export interface ReadResults {
  readonly load: Stored;
  readonly order: OrderRow | undefined;
  readonly orders: readonly OrderRow[];
  /** Only the keys that were found, by their place in the request: most are new. */
  readonly answers: readonly (readonly [place: number, answer: Answer])[];
  readonly digest: Digest;
}

export interface ReadMessage {
  readonly id: number;
  readonly request: ReadRequest;
}

export type ReadReport =
  | { readonly kind: "result"; readonly id: number; readonly result: ReadResults[ReadRequest["kind"]] }
  | Failed;
