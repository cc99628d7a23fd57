/** The receiving side of appends, and the leader's handling of their replies (§5.3). */
import { assert } from "../base/assert.ts";
import { logIndex } from "../base/units.ts";
import { feed, needsState, progressOf, startAnew } from "./appends.ts";
import { repeatMembership } from "./changes.ts";
import { advanceCommit, commitTo } from "./commit.ts";
import type { Accepted, Append, Heard, Rejected } from "./message.ts";
import { sendAfterEntries, sendAfterHardState, truncateLog } from "./persistence.ts";
import { noteMatch, pipelineFrom, probeFrom } from "./progress.ts";
import { type Raft, send, standingOf } from "./raft.ts";
import { confirmRounds } from "./reads.ts";
import { grantBarriers } from "./recovery.ts";

/** An append of the present term's leader. */
export function handleAppend(raft: Raft, message: Append): void {
  const { log } = raft;
  const reply = {
    from: raft.config.id,
    to: message.from,
    incarnation: raft.config.incarnation,
    term: raft.term,
    round: message.round,
    standing: standingOf(raft),
    room: raft.room,
    informed: log.isInformedAt(raft.durable),
  };
  if (!log.matches(message.prevIndex, message.prevTerm)) {
    assert(message.prevIndex > raft.commit, "a leader has everything that is committed");
    const hintIndex = log.lastIndexWithTermAtMost(message.prevIndex, message.prevTerm);
    assert(hintIndex !== undefined, "what is committed here is of no later term than the leader's log there");
    const hintTerm = log.termAt(hintIndex);
    assert(hintTerm !== undefined, "a hint is inside the log");
    // What does not agree where the leader's log begins agrees nowhere in it.
    if (message.prevIndex <= message.base || hintIndex < message.base)
      raft.effects.push({ kind: "behind", through: message.base });
    send(raft, { ...reply, kind: "rejected", prevIndex: message.prevIndex, hintIndex, hintTerm });
    return;
  }
  // Without room they are as good as lost on the way; the leader is told, and sends no more until there is some.
  const entries = raft.room === "none" ? [] : message.entries;
  for (const entry of entries) {
    // Committed, and compacted since.
    if (entry.index <= log.base.index) continue;
    const present = log.termAt(entry.index);
    if (present === entry.term) continue;
    // Only a real conflict truncates: a stale or repeated append must not shorten the log.
    if (present !== undefined) truncateLog(raft, entry.index);
    log.append(entry);
  }
  const match = logIndex(message.prevIndex + entries.length);
  commitTo(raft, message.commit < match ? message.commit : match);
  if (message.vouched === raft.config.incarnation) settle(raft);
  if (match > raft.durable && isNewRound(raft, message)) {
    // That the leader leads need not wait for the disk, only what it sent does: a slow disk must not cost it its
    // leadership, nor delay a read.
    sendAfterHardState(raft, { ...reply, kind: "heard" });
  }
  // It leaves when so much is durable.
  const informed = log.isInformedAt(match);
  sendAfterEntries(raft, { ...reply, kind: "accepted", informed, match }, match);
}

/** Whether this is the first message of its leader's round: one early confirmation a round is enough. */
function isNewRound(raft: Raft, { term, round }: Append): boolean {
  if (raft.confirmed.term === term && raft.confirmed.round >= round) return false;
  raft.confirmed = { term, round };
  return true;
}

/** A leader has brought this replica past what it may have forgotten: its vote counts again. */
export function settle(raft: Raft): void {
  if (!raft.doubtful) return;
  raft.doubtful = false;
  raft.effects.push({ kind: "settled" });
}

export function handleHeard(raft: Raft, message: Heard): void {
  noteRound(raft, message);
}

export function handleAccepted(raft: Raft, message: Accepted): void {
  const progress = progressOf(raft, message.from);
  assert(message.match <= raft.log.lastIndex, "a follower holds no more than was sent");
  noteRound(raft, message);
  const before = progress.match;
  noteMatch(progress, message.match);
  if (progress.mode === "probe" || progress.mode === "snapshot")
    pipelineFrom(progress, logIndex(progress.match + 1));
  if (progress.match > before) advanceCommit(raft);
  if (!message.informed && message.match >= raft.log.membersFrom) repeatMembership(raft);
  feed(raft, message.from);
}

export function handleRejected(raft: Raft, message: Rejected): void {
  const progress = progressOf(raft, message.from);
  noteRound(raft, message);
  // A reply that is older than what is known by now: the logs agree at `match`, and no further back need be looked.
  if (message.prevIndex <= progress.match || message.prevIndex >= progress.next) return;
  const common = raft.log.lastIndexWithTermAtMost(message.hintIndex, message.hintTerm);
  // Where they may agree is in this log no more: what the follower lacks it must get as a state.
  if (common === undefined) needsState(raft, progress);
  else probeFrom(progress, logIndex(Math.max(common, progress.match) + 1));
  feed(raft, message.from);
}

/** Whatever the reply, the follower is of this term: it confirms the leadership, if it counts. */
function noteRound(raft: Raft, message: Heard | Accepted | Rejected): void {
  const progress = progressOf(raft, message.from);
  progress.heardAt = raft.now;
  progress.standing = message.standing;
  progress.informed = message.informed;
  progress.room = message.room;
  if (message.round <= progress.round) return;
  progress.round = message.round;
  confirmRounds(raft);
  if (raft.reign !== undefined) grantBarriers(raft, raft.reign);
}

/** Returns false if the message is of an older life of its sender, and must be dropped. */
export function noteIncarnation(raft: Raft, from: Append["from"], incarnation: number): boolean {
  const known = raft.incarnations.get(from) ?? 0;
  if (incarnation < known) return false;
  if (incarnation > known) {
    raft.incarnations.set(from, incarnation);
    if (raft.reign !== undefined) startAnew(raft, from);
  }
  return true;
}
