/**
 * The rule that nothing is promised before it is durable.
 *
 * A step's changes leave as one write with a ticket. A message that promises something (a vote, an acknowledgement,
 * a candidacy) is held until the ticket it rests on is persisted; everything else leaves at once, so a leader's
 * appends travel while its own disk is still writing.
 */
import { assert } from "../base/assert.ts";
import { type LogIndex, logIndex } from "../base/units.ts";
import { advanceCommit } from "./commit.ts";
import type { LogBase } from "./log-view.ts";
import type { Message } from "./message.ts";
import { type Raft, send } from "./raft.ts";

/** Send once the present term and vote are durable. */
export function sendAfterHardState(raft: Raft, message: Message): void {
  hold(raft, message, raft.hardStateChanged ? raft.lastTicket + 1 : raft.hardStateTicket);
}

export function isHardStateDurable(raft: Raft): boolean {
  return !raft.hardStateChanged && raft.hardStateTicket <= raft.persistedTicket;
}

/** Send once the log up to `index`, and the present term, are durable. */
export function sendAfterEntries(raft: Raft, message: Message, index: LogIndex): void {
  if (index <= raft.durable) {
    sendAfterHardState(raft, message);
    return;
  }
  const changed = raft.hardStateChanged || raft.unwritten <= raft.log.lastIndex;
  hold(raft, message, changed ? raft.lastTicket + 1 : raft.lastTicket);
}

function hold(raft: Raft, message: Message, ticket: number): void {
  if (ticket <= raft.persistedTicket) send(raft, message);
  else raft.held.push({ ticket, message });
}

/** Forget the entries from `from` on, in memory; the entries that replace them do so on disk. */
export function truncateLog(raft: Raft, from: LogIndex): void {
  assert(from > raft.commit, () => `truncating ${from}, committed up to ${raft.commit}`);
  raft.effects.push({ kind: "truncated", from, to: raft.log.lastIndex });
  raft.log.truncate(from);
  if (raft.durable >= from) raft.durable = logIndex(from - 1);
  if (raft.unwritten > from) raft.unwritten = from;
  // A write under way will be followed by the one that replaces its entries: it speaks only for those before.
  for (const write of raft.writes) if (write.lastIndex >= from) write.lastIndex = logIndex(from - 1);
}

/**
 * A state that includes everything up to `base` is in place. If the log holds what follows it, it goes on; otherwise
 * it is begun anew behind it, and the present term and vote with it.
 */
export function restoreLog(raft: Raft, base: LogBase): void {
  if (base.index < raft.log.base.index) return;
  raft.stateful = true;
  if (base.index === raft.log.base.index) return;
  if (raft.log.termAt(base.index) !== base.term) {
    raft.log.reset(base);
    raft.unwritten = logIndex(base.index + 1);
    raft.durable = base.index;
    // What waits for a write that the reset makes void would speak of entries that are gone.
    raft.writes.length = 0;
    raft.held = raft.held.filter(({ message }) => message.kind !== "accepted");
    const ticket = ++raft.lastTicket;
    raft.hardStateTicket = ticket;
    raft.hardStateChanged = false;
    const hardState = { term: raft.term, votedFor: raft.votedFor };
    raft.effects.push({ kind: "reset", ticket, base, hardState });
  }
  if (raft.commit < base.index) raft.commit = base.index;
  if (raft.delivered < base.index) raft.delivered = base.index;
}

/** At the end of a step: one write for all that changed in it. */
export function writeChanges(raft: Raft): void {
  const { log } = raft;
  const entries = log.slice(raft.unwritten, Number.MAX_SAFE_INTEGER);
  assert(entries !== undefined, "what is not written is in memory");
  if (!raft.hardStateChanged && entries.length === 0) return;
  const ticket = ++raft.lastTicket;
  const hardState = raft.hardStateChanged ? { term: raft.term, votedFor: raft.votedFor } : undefined;
  if (hardState !== undefined) raft.hardStateTicket = ticket;
  raft.hardStateChanged = false;
  raft.unwritten = logIndex(log.lastIndex + 1);
  raft.writes.push({ ticket, lastIndex: log.lastIndex });
  raft.effects.push({ kind: "persist", ticket, hardState, entries });
}

/**
 * A write is durable, and with it the log as far as no later write replaces it. To compare terms would not do:
 * entries can be cut, and written again as they were, between a request and its completion (etcd's append ABA race).
 */
export function persisted(raft: Raft, ticket: number): void {
  assert(ticket > raft.persistedTicket && ticket <= raft.lastTicket, () => `ticket ${ticket} out of order`);
  raft.persistedTicket = ticket;
  let done = 0;
  for (const write of raft.writes) {
    if (write.ticket > ticket) break;
    if (write.lastIndex > raft.durable) raft.durable = write.lastIndex;
    done++;
  }
  raft.writes.splice(0, done);
  release(raft);
  if (raft.role === "leader") advanceCommit(raft);
}

/** Send what was held for a write that is now durable, except what a newer term made void. */
function release(raft: Raft): void {
  if (raft.held.length === 0) return;
  const waiting: typeof raft.held = [];
  let accepted: Message | undefined;
  for (const held of raft.held) {
    if (held.ticket > raft.persistedTicket) waiting.push(held);
    else if (held.message.term === raft.term) {
      // Of several acknowledgements to one leader the last says all.
      if (held.message.kind === "accepted") accepted = later(accepted, held.message);
      else send(raft, held.message);
    }
  }
  if (accepted !== undefined) send(raft, accepted);
  raft.held = waiting;
}

function later(a: Message | undefined, b: Message): Message {
  if (a === undefined || a.kind !== "accepted" || b.kind !== "accepted") return b;
  return { ...b, match: a.match > b.match ? a.match : b.match, round: Math.max(a.round, b.round) };
}
