/** The leader's sending side: what goes to which follower, and when (AppendEntries, §5.3). */
import { assert, present } from "../base/assert.ts";
import { logLimits, raftTimes } from "../base/limits.ts";
import { type LogIndex, logIndex, type ReplicaId } from "../base/units.ts";
import type { Entry } from "./message.ts";
import { hasRoom, noteSent, type Progress, probeFrom } from "./progress.ts";
import { type Raft, type Reign, send } from "./raft.ts";

function reignOf(raft: Raft): Reign {
  return present(raft.reign, "a leader's reign");
}

export function progressOf(raft: Raft, peer: ReplicaId): Progress {
  return present(reignOf(raft).progress.get(peer), "a member's progress");
}

function sendEntries(raft: Raft, to: ReplicaId, progress: Progress, entries: readonly Entry[]): void {
  const prevIndex = logIndex(progress.next - 1);
  const incarnation = raft.incarnations.get(to) ?? 0;
  send(raft, {
    kind: "append",
    from: raft.config.id,
    to,
    incarnation: raft.config.incarnation,
    term: raft.term,
    prevIndex,
    prevTerm: present(raft.log.termAt(prevIndex), "the term before what is sent"),
    entries,
    commit: raft.commit,
    base: raft.log.base.index,
    round: reignOf(raft).round,
    vouched: progress.match >= progress.settledAt ? incarnation : 0,
  });
  const last = entries.at(-1);
  if (last === undefined) return;
  let bytes = 0;
  for (const entry of entries) bytes += entry.payload.length;
  noteSent(progress, last.index, bytes);
}

/** Send what the follower lacks, as far as its window reaches. True if anything was sent. */
export function feed(raft: Raft, to: ReplicaId): boolean {
  const progress = progressOf(raft, to);
  // Also of one for whom the disk is being read: what was to be read may be gone.
  if (progress.next <= raft.log.base.index) needsState(raft, progress);
  if (progress.room === "none" || progress.mode === "fetch" || progress.mode === "snapshot") return false;
  if (progress.mode === "probe" && progress.probing) return false;
  let sent = false;
  while (progress.next <= raft.log.lastIndex && hasRoom(progress)) {
    const entries = raft.log.slice(progress.next, logLimits.appendBytes);
    if (entries === undefined) {
      progress.mode = "fetch";
      progress.fetchFrom = progress.next;
      raft.effects.push({ kind: "fetch", peer: to, from: progress.next });
      return sent;
    }
    sendEntries(raft, to, progress, entries);
    sent = true;
    if (progress.mode === "probe") {
      progress.probing = true;
      return true;
    }
  }
  return sent;
}

export function feedAll(raft: Raft): void {
  for (const peer of reignOf(raft).progress.keys()) feed(raft, peer);
}

/** What the follower needs next is in this log no more: heartbeats tell it where the log begins, until it has a state. */
export function needsState(raft: Raft, progress: Progress): void {
  probeFrom(progress, logIndex(raft.log.base.index + 1));
  progress.mode = "snapshot";
}

/** Entries came from disk. If the follower's need has changed meanwhile, look anew. */
export function fetched(raft: Raft, peer: ReplicaId, from: LogIndex, entries: readonly Entry[]): void {
  const progress = raft.reign?.progress.get(peer);
  if (progress === undefined || progress.mode !== "fetch" || progress.fetchFrom !== from) return;
  progress.mode = "pipeline";
  // What an earlier reign asked for may come in this one, when other entries are in its place.
  const present = entries.every(({ index, term }) => raft.log.termAt(index) === term);
  if (
    progress.next === from &&
    entries.length > 0 &&
    present &&
    progress.room !== "none" &&
    hasRoom(progress)
  ) {
    assert(entries[0]?.index === from, "the disk gave what was asked for");
    sendEntries(raft, peer, progress, entries);
  }
  feed(raft, peer);
}

/**
 * Begin a new round: every follower hears from the leader, with the entries it lacks if there are any. A majority's
 * answers prove that the leader led when the round began.
 */
export function broadcastRound(raft: Raft): void {
  const reign = reignOf(raft);
  reign.round++;
  reign.roundsSent.push({ round: reign.round, at: raft.now });
  reign.nextHeartbeatAt = raft.now + raftTimes.heartbeatMs;
  for (const [peer, progress] of reign.progress) {
    // A lost probe is given up by the next round: the transport may lose anything.
    progress.probing = false;
    // The log may have been compacted since.
    if (progress.mode === "snapshot") needsState(raft, progress);
    if (!feed(raft, peer)) sendEntries(raft, peer, progress, []);
  }
}

/** A new incarnation of a follower: what its older life acknowledged is void, and nothing of it is vouched for yet. */
export function startAnew(raft: Raft, peer: ReplicaId): void {
  const progress = raft.reign?.progress.get(peer);
  if (progress === undefined) return;
  progress.match = logIndex(0);
  progress.round = 0;
  progress.informed = false;
  progress.barrier = undefined;
  progress.closeSince = undefined;
  progress.settledAt = raft.log.lastIndex;
  probeFrom(progress, logIndex(raft.log.lastIndex + 1));
}
