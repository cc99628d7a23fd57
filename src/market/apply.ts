/**
 * Fold one committed entry into the market.
 *
 * Every replica runs this over the same entries, so the outcome depends on nothing else: no clock, no randomness, no
 * I/O. What the store remembers of the entry's client keys is looked up beforehand and passed in. A refusal is an
 * ordinary reply; only a broken invariant throws, because a replica that has diverged must stop.
 */
import { assert } from "../base/assert.ts";
import type { Hash128 } from "../base/hash128.ts";
import { equalHash } from "../base/hash128.ts";
import { answerLifetimeTicks, hashEveryCommands } from "../base/limits.ts";
import { position, ticks } from "../base/units.ts";
import { heldAnswer } from "./answers.ts";
import type { Batch, Command, IdentifiedCommand } from "./command.ts";
import type { Answered, Entry } from "./entry.ts";
import { answerOfKey, beginEntry, endEntry, publishHash, rememberInSession, rememberKey } from "./entry.ts";
import { addItem, found, restock } from "./items.ts";
import type { Market } from "./market.ts";
import { place } from "./place.ts";
import type { Refusal, Reply } from "./reply.ts";
import { bodyHash } from "./row-hash.ts";
import type { Answer, Outcome, Rows } from "./rows.ts";
import { acknowledge, boundAnswers, closeIdleSessions, openSession, useSession } from "./sessions.ts";

export type { Answered } from "./entry.ts";

export interface Applied {
  /** One for each command, in order. */
  readonly replies: readonly Reply[];
  readonly rows: Rows;
}

/**
 * Apply every command of `batch` in order, each seeing what those before it did. Changes `market`; if it throws, the
 * market is not to be used again.
 */
export function apply(market: Market, batch: Batch, answered: Answered): Applied {
  const entry = beginEntry(market, batch.at, answered);
  const replies: Reply[] = [];
  for (const command of batch.commands) {
    market.position = position(market.position + 1);
    assert(
      market.definition !== undefined || command.kind === "found",
      () => `${command.kind} before the market is founded`,
    );
    replies.push(applyCommand(entry, command));
    if (market.position % hashEveryCommands === 0) publishHash(entry);
  }
  return { replies, rows: endEntry(entry) };
}

function applyCommand(entry: Entry, command: Command): Reply {
  switch (command.kind) {
    case "place":
    case "add-item":
      return applyIdentified(entry, command);
    case "found":
      return found(entry, command);
    case "open-session":
      return openSession(entry);
    case "acknowledge":
      return acknowledge(entry, command);
    case "tick":
      return tick(entry);
  }
}

function tick(entry: Entry): Reply {
  const { market } = entry;
  market.ticks = ticks(market.ticks + 1);
  restock(entry);
  closeIdleSessions(entry);
  return { kind: "done", position: market.position };
}

/** A command with a request id: whether it came before decides what becomes of it. */
function applyIdentified(entry: Entry, command: IdentifiedCommand): Reply {
  return command.id.kind === "session"
    ? applyInSession(entry, command, command.id)
    : applyUnderKey(entry, command, command.id.key);
}

function applyInSession(
  entry: Entry,
  command: IdentifiedCommand,
  id: Extract<IdentifiedCommand["id"], { kind: "session" }>,
): Reply {
  const { market } = entry;
  const session = market.sessions.get(id.session);
  if (session === undefined) return { kind: "too-old", position: market.position };
  useSession(entry, session);
  const body = bodyHash(command);
  const held = heldAnswer(session.answers, id.sequence);
  if (held !== undefined) return repeated(market, held.answer, body);
  if (id.sequence < session.below && !session.open.includes(id.sequence)) {
    return { kind: "too-old", position: market.position };
  }
  const reply = decide(entry, command);
  rememberInSession(entry, session, id.sequence, answer(market, command, body, reply));
  boundAnswers(entry, session);
  return reply;
}

function applyUnderKey(entry: Entry, command: IdentifiedCommand, key: Hash128): Reply {
  const { market } = entry;
  const body = bodyHash(command);
  const earlier = answerOfKey(entry, key);
  if (earlier !== undefined && market.ticks - earlier.tick <= answerLifetimeTicks) {
    return repeated(market, earlier, body);
  }
  const reply = decide(entry, command);
  rememberKey(entry, key, answer(market, command, body, reply));
  return reply;
}

function repeated(market: Market, earlier: Answer, body: Hash128): Reply {
  if (!equalHash(earlier.body, body)) return { kind: "key-reused", position: market.position };
  return { kind: "replayed", position: market.position, answer: earlier };
}

/** A reply that is remembered. */
type Decision = Extract<Reply, { kind: "placed" | "refused" | "item-added" }>;

function decide(entry: Entry, command: IdentifiedCommand): Decision {
  const at = entry.market.position;
  if (command.kind === "place") {
    const result = place(entry, command);
    return isRefusal(result)
      ? { kind: "refused", position: at, refusal: result }
      : { kind: "placed", position: at, order: result };
  }
  const result = addItem(entry, command.item);
  return isRefusal(result)
    ? { kind: "refused", position: at, refusal: result }
    : { kind: "item-added", position: at, item: result };
}

function isRefusal(result: object): result is Refusal {
  return "reason" in result;
}

function answer(market: Market, command: IdentifiedCommand, body: Hash128, reply: Decision): Answer {
  const outcome: Outcome =
    reply.kind === "placed" ? { kind: "order", number: reply.order.number } : { kind: "reply", reply };
  return { id: command.id, body, tick: market.ticks, position: market.position, outcome };
}
