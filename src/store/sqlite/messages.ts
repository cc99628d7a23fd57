/** What the store says to its worker threads and they to it. Both run the same program, so the types are trusted. */
import { type FailureCode, OperatingFailure } from "../../base/failure.ts";
import type { LogIndex, OrderNumber, Position, SessionId, Term } from "../../base/units.ts";
import type { MarketDefinition } from "../../market/definition.ts";
import type { Answer, Counters, ItemRow, MarketState, OrderRow, SessionRow } from "../../market/rows.ts";
import type { Digest, OrderFilter, Stored } from "../port.ts";
import { StoreDamage } from "./damage.ts";
import type { DatabaseOptions } from "./database.ts";

/** What the writer's thread is started with. */
export interface WriterOptions extends DatabaseOptions {
  /** Between two tries of a transaction for which the disk has no space. */
  readonly retryMs: number;
  /**
   * For tests: how many pages the file may have, read anew before every transaction; 0: as many as it likes. A
   * transaction that would need more fails like one on a full disk.
   */
  readonly pagesMax?: Int32Array<SharedArrayBuffer>;
}

/**
 * What a thread may take, so that the process's memory stays flat: it works through rows that are garbage a moment
 * later, and V8 would rather grow than collect.
 */
export const threadLimits = { maxYoungGenerationSizeMb: 16, maxOldGenerationSizeMb: 256 } as const;

/** The state after entry `index`, as the difference from that after the group before. One transaction. */
export interface GroupMessage {
  readonly kind: "group";
  readonly index: LogIndex;
  readonly term: Term;
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

/** The steps of a copy, each one transaction; see `Copy` in the port. */
export type CopyMessage =
  | { readonly kind: "copy-begin" }
  | { readonly kind: "copy-orders"; readonly rows: Uint8Array }
  | { readonly kind: "copy-answers"; readonly rows: Uint8Array }
  | {
      readonly kind: "copy-install";
      readonly index: LogIndex;
      readonly term: Term;
      readonly state: MarketState;
    };

/** How far a copy is. */
export interface CopyProgress {
  readonly nextOrder: OrderNumber;
  readonly answersThrough: Position;
}

/** To the writer. What it is given is carried out in order: one group at a time, steps of a copy, then `close`. */
export type WriterMessage = GroupMessage | CopyMessage | { readonly kind: "close" };

/**
 * From the writer: `opened` or a failure first; then one report for each message, `written` for a group, `copied` or
 * `refused` for a step of a copy; after a failure nothing.
 */
export type WriterReport =
  | { readonly kind: "opened"; readonly index: LogIndex; readonly copying: boolean }
  | { readonly kind: "written" }
  | { readonly kind: "copied"; readonly progress: CopyProgress }
  /** What came from the other replica is not what the state is made of; nothing of it was kept. */
  | { readonly kind: "refused"; readonly message: string; readonly progress: CopyProgress }
  /** The disk has no space. The same is tried again until it has: its report comes then. */
  | { readonly kind: "full" }
  | Failed;

export interface Failed {
  readonly kind: "failed";
  readonly code: FailureCode;
  readonly message: string;
  /** It is a `StoreDamage`. */
  readonly damage: boolean;
}

export function failedReport(failure: OperatingFailure): Failed {
  const { code, message } = failure;
  return { kind: "failed", code, message, damage: failure instanceof StoreDamage };
}

export function reportedFailure({ code, message, damage }: Failed): OperatingFailure {
  return damage ? new StoreDamage(message) : new OperatingFailure(code, message);
}

/** To the reader. Each is answered once. */
export type ReadRequest =
  | { readonly kind: "load" }
  /** Loads, and keeps it to itself: it fails if the state is damaged. */
  | { readonly kind: "verify" }
  | { readonly kind: "order"; readonly number: OrderNumber }
  | { readonly kind: "orders"; readonly filter: OrderFilter }
  /** 16 bytes for each key, as in the table. */
  | { readonly kind: "answers"; readonly keys: Uint8Array }
  | { readonly kind: "digest" }
  /** First, to a thread of its own: it then answers the two below, and `close`. */
  | { readonly kind: "freeze" }
  | { readonly kind: "frozen-orders"; readonly from: OrderNumber; readonly maxBytes: number }
  | { readonly kind: "frozen-answers"; readonly after: Position; readonly maxBytes: number };

export interface FrozenState {
  readonly index: LogIndex;
  readonly term: Term;
  readonly state: MarketState;
}

/** What each request is answered with. */
export interface ReadResults {
  readonly load: Stored;
  readonly verify: undefined;
  readonly order: OrderRow | undefined;
  readonly orders: readonly OrderRow[];
  /** Only the keys that were found, by their place in the request: most are new. */
  readonly answers: readonly (readonly [place: number, answer: Answer])[];
  readonly digest: Digest;
  readonly freeze: FrozenState;
  readonly "frozen-orders": Uint8Array;
  readonly "frozen-answers": Uint8Array;
}

export interface ReadMessage {
  readonly id: number;
  readonly request: ReadRequest;
}

export type ReadReport =
  | { readonly kind: "result"; readonly id: number; readonly result: ReadResults[ReadRequest["kind"]] }
  | Failed;
