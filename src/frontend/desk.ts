/**
 * What every handler works with, and the two steps that all changes share: giving a request its id before it is
 * submitted, and making of the market's reply what the client is told.
 */
import { ByteWriter } from "../base/bytes.ts";
import { orderTimes } from "../base/limits.ts";
import type { Position } from "../base/units.ts";
import { writeCommand } from "../market/codec.ts";
import type { Command, RequestId } from "../market/command.ts";
import type { ItemRow, OrderRow } from "../market/rows.ts";
import type { Barriers } from "./barriers.ts";
import { type Exchange, header, respondProblem } from "./exchange.ts";
import type { Ready } from "./hits.ts";
import type { ItemRead } from "./item-reads.ts";
import type { LeasedReads } from "./leased-reads.ts";
import type { Metrics } from "./metrics.ts";
import type { Settlement } from "./outbox.ts";
import {
  busy,
  leaderless,
  malformed,
  outcomeUnknown,
  type Problem,
  problem,
  sessionLost,
  starting,
  type Unavailable,
  unsent,
} from "./problem.ts";
import { readOrderRowIfAny, readReplyIfAny } from "./reading.ts";
import type { Renderer } from "./rendering.ts";
import type { Replicas } from "./replicas.ts";
import { ownId, type RequestKeys, sessionRequestId } from "./request-key.ts";
import type { Session } from "./session.ts";
import type { SessionKeeper } from "./session-keeper.ts";

export interface Desk {
  readonly resource: string;
  readonly replicas: Replicas;
  readonly reads: LeasedReads<Ready, ItemRead>;
  /** Each is told the position, or that there was none by its deadline. */
  readonly barriers: Barriers<(position: Position | undefined) => void>;
  readonly keeper: SessionKeeper;
  readonly keys: RequestKeys;
  readonly renderer: Renderer;
  readonly metrics: Metrics;
  /** Monotonic milliseconds. */
  now(): number;
}

/** A request's id and what its reply says of it. */
export interface Identity {
  /** What the reply carries in `Idempotency-Key`. */
  readonly key: string;
  /** Whether the client sent the key: it is then echoed whatever happens. */
  readonly sent: boolean;
  /** The id of the request's `index`-th order; single requests have only 0. */
  id(index: number): RequestId;
  /** The session to tell how it ended; none if the client sent the key. */
  readonly session: Session | undefined;
  /** The first sequence in that session. */
  readonly first: number;
}

/** Orders of one request: `single` is not the same as a batch of one. */
export type Extent = "single" | number;

const keyReused = problem(
  "idempotency-key-reused",
  "This Idempotency-Key was used before with another body. Send the same body again, or choose another key.",
);
const keyExpired = problem(
  "idempotency-key-expired",
  "This Idempotency-Key is too old: whether its request ever happened is no longer known. Look for the order, then choose another key.",
);

/** Who the request is, or why it is not taken. */
export function identify(desk: Desk, exchange: Exchange, nowMs: number, extent: Extent): Identity | Problem {
  const refused = refusal(desk, nowMs, extent === "single" ? 1 : extent);
  const text = header(exchange.request, "idempotency-key");
  if (text === undefined) return refused?.fresh ?? freshIdentity(desk, extent);
  // The key is read all the same: one of ours that came back stays good, also if it comes at a bad time.
  const identity = sentIdentity(desk, text, extent);
  return "status" in identity ? identity : (refused?.keyed ?? identity);
}

/** Why no order can be taken at present, if so. */
function refusal(desk: Desk, nowMs: number, orders: number): Unavailable | undefined {
  switch (desk.replicas.admits(nowMs, orders)) {
    case "open":
      return undefined;
    case "full":
      return busy;
    case "leaderless":
      return leaderless;
  }
}

function freshIdentity({ keeper, keys }: Desk, extent: Extent): Identity | Problem {
  const { session } = keeper;
  if (session === undefined) return starting;
  const first = session.take(extent === "single" ? 1 : extent);
  const key =
    extent === "single" ? keys.issue(session.id, first) : keys.issueBatch(session.id, first, extent);
  return { key, sent: false, id: (index) => sessionRequestId(session.id, first + index), session, first };
}

function sentIdentity({ keeper, keys }: Desk, text: string, extent: Extent): Identity | Problem {
  const key = keys.read(text);
  switch (key.kind) {
    case "malformed":
      return malformed(key.problem);
    case "own": {
      const id = (index: number) => ownId(extent === "single" ? text : `${text}/${index}`);
      return { key: text, sent: true, id, session: undefined, first: 0 };
    }
    case "issued": {
      if ((key.count ?? "single") !== extent) return keyReused;
      if (keeper.session?.id === key.session) keepOpen(keeper.session, key.first, key.count ?? 1);
      const id = (index: number) => sessionRequestId(key.session, key.first + index);
      return { key: text, sent: true, id, session: undefined, first: 0 };
    }
  }
}

/**
 * Whoever comes back with a key lacked the reply and may lack the next one too: the answers stay. That is settled now,
 * because an acknowledgement must not overtake the request that asks for them.
 */
function keepOpen(session: Session, first: number, count: number): void {
  for (let i = 0; i < count; i++) session.leftOpen(first + i);
}

const scratch = new ByteWriter(16 * 1024);

/** The command's bytes, in a buffer of just their size. */
export function encode(command: Command): Uint8Array {
  scratch.reset();
  writeCommand(scratch, command);
  return scratch.peek().slice();
}

/** How a change ended, for its client. */
export type Ending =
  | { readonly kind: "order"; readonly order: OrderRow; readonly replayed: boolean }
  | { readonly kind: "item"; readonly item: ItemRow; readonly position: Position; readonly replayed: boolean }
  | {
      readonly kind: "problem";
      readonly problem: Problem;
      /** None if the market did not answer. */
      readonly position?: Position;
      readonly replayed: boolean;
    };

function failed(problem: Problem): Ending {
  return { kind: "problem", problem, replayed: false };
}

/** `then` is called exactly once, mostly before this returns; later if an order has to be fetched. */
export function concludeOutcome(
  desk: Desk,
  { outcome, pending }: Settlement<unknown>,
  identity: Identity,
  then: (ending: Ending) => void,
): void {
  if (outcome.kind === "failed") {
    const { fresh, keyed } = unsent;
    then(failed(outcome.code !== "unavailable" ? outcomeUnknown : identity.sent ? keyed : fresh));
    return;
  }
  const reply = readReplyIfAny(outcome.reply);
  if (reply === undefined) {
    then(failed(outcomeUnknown));
    return;
  }
  const { position } = reply;
  switch (reply.kind) {
    case "placed":
      then({ kind: "order", order: reply.order, replayed: false });
      return;
    case "item-added":
      then({ kind: "item", item: reply.item, position, replayed: false });
      return;
    case "refused":
      then({ kind: "problem", problem: desk.renderer.refusal(reply.refusal), position, replayed: false });
      return;
    case "key-reused":
      then({ kind: "problem", problem: keyReused, position, replayed: false });
      return;
    case "too-old":
      then(tooOld(desk, identity, position, pending.unknown));
      return;
    case "replayed": {
      const { outcome: earlier, position: answeredAt } = reply.answer;
      if (earlier.kind === "order") fetchOrder(desk, earlier.number, then);
      else if (earlier.reply.kind === "item-added")
        then({ kind: "item", item: earlier.reply.item, position: answeredAt, replayed: true });
      else {
        const refusal = desk.renderer.refusal(earlier.reply.refusal);
        then({ kind: "problem", problem: refusal, position: answeredAt, replayed: true });
      }
      return;
    }
    case "session-opened":
    case "done":
      // The leader answered a command that this one is not: its answer says nothing of this one's fate.
      then(failed(outcomeUnknown));
      return;
  }
}

/** `attempted`: an earlier attempt's fate was not learnt. It may have happened before its answer was forgotten. */
function tooOld(desk: Desk, identity: Identity, position: Position, attempted: boolean): Ending {
  if (identity.sent) return { kind: "problem", problem: keyExpired, position, replayed: false };
  if (identity.session !== undefined) desk.keeper.lost(identity.session.id);
  return failed(attempted ? outcomeUnknown : sessionLost);
}

/** The answer that is given again holds only the order's number. */
function fetchOrder(desk: Desk, number: number, then: (ending: Ending) => void): void {
  const deadlineMs = desk.now() + orderTimes.readDeadlineMs;
  desk.replicas.ask({ kind: "order", number }, { kind: "latest" }, "leader", deadlineMs, (found) => {
    const order = found.kind === "rows" ? readOrderRowIfAny(found.rows) : undefined;
    // It did happen; only what it was cannot be shown now. The same key will show it.
    then(order === undefined ? failed(outcomeUnknown) : { kind: "order", order, replayed: true });
  });
}

/** Whether the reply carries the request's key: one is not handed out for what never happened. */
function showsKey(identity: Identity, status: number): boolean {
  return identity.sent || status !== 503;
}

/**
 * Tell the request's session how it ended. A client that holds the key and lacks an answer may come back for it, with
 * the whole request: unless each ending is an answer, the sequences of all of them stay open.
 */
export function settleSequences(identity: Identity, status: number, endings: readonly Ending[]): void {
  const { session, first } = identity;
  if (session === undefined) return;
  const lacking = endings.some((ending) => ending.kind === "problem" && ending.problem.status >= 500);
  const open = lacking && showsKey(identity, status);
  for (let i = 0; i < endings.length; i++) {
    if (open) session.leftOpen(first + i);
    else session.delivered(first + i);
  }
}

/** Headers that name the request and the market's position. */
export function changeHeaders(
  identity: Identity,
  status: number,
  position: Position | undefined,
  replayed: boolean,
): string[] {
  const headers: string[] = [];
  if (showsKey(identity, status)) headers.push("idempotency-key", identity.key);
  if (position !== undefined) headers.push("bazaar-position", String(position));
  if (replayed) headers.push("idempotent-replayed", "true");
  return headers;
}

/** Count one order's ending. */
export function countEnding({ orders }: Metrics, ending: Ending): void {
  if (ending.replayed) orders.replayed++;
  else if (ending.kind !== "problem") orders.placed++;
  else if (ending.problem.status === 504) orders.unknown++;
  else if (ending.problem.status === 503) orders.unavailable++;
  else orders.refused++;
}

/** Answer a request that was refused before it went anywhere. */
export function reject(desk: Desk, exchange: Exchange, problem: Problem): void {
  desk.metrics.rejected++;
  respondProblem(exchange, problem);
}
