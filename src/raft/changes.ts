/**
 * Changes of who the members are (Ongaro's thesis, 4.1, with the correction of 2015): one member at a time, the next only when
 * the last is committed, and none before the leader has committed an entry of its own term. So any two configurations that
 * can be in force at once have overlapping majorities. Why the rules that rest on majorities stay true stands in
 * ARCHITECTURE.md, "How the group changes".
 *
 * A leader never excludes itself: it hands over, and its successor does. So it is a voter of its own log as long as it leads.
 */
import { assert, present } from "../base/assert.ts";
import { logIndex } from "../base/units.ts";
import { feedAll } from "./appends.ts";
import { advanceCommit } from "./commit.ts";
import {
  type Change,
  changed,
  encodeMembership,
  isVoter,
  type Membership,
  voterCount,
} from "./membership.ts";
import { answers, newProgress, type Progress } from "./progress.ts";
import { majority } from "./quorum.ts";
import { mayAppend, type Raft, type Reign } from "./raft.ts";
import { handOver } from "./transfer.ts";

/** Why a change is not begun now. */
export type ChangeRefusal =
  | "not-leading"
  /** No entry of the term is committed yet, or the change before is not. */
  | "too-early"
  /** It would change nothing, or leave no voter. */
  | "pointless"
  /** The learner is not close behind, or has no state. */
  | "not-ready"
  /** Of the voters that there would be, no majority answers, or has its state. */
  | "no-majority"
  /** It is the leader that would go: it hands over instead, and another is to be asked. */
  | "leads";

export function changeRefusal(raft: Raft, change: Change): ChangeRefusal | undefined {
  const { reign, log } = raft;
  if (reign === undefined || reign.transfer !== undefined || !mayAppend(raft)) return "not-leading";
  const after = changed(membersOf(raft), change);
  if (after === undefined) return "pointless";
  if (raft.commit < reign.firstIndex || log.membersFrom > raft.commit) return "too-early";
  if (change.kind === "promote" && !isReady(reign.progress.get(change.id))) return "not-ready";
  // First: nobody hands over for the sake of a change that cannot be.
  if (!majorityAnswers(raft, reign, after, change.kind === "remove")) return "no-majority";
  return isVoter(after, raft.config.id) ? undefined : "leads";
}

/** Close behind, with its state, and past whatever it may have forgotten when it cut a torn tail. */
function isReady(progress: Progress | undefined): boolean {
  return progress?.closeSince !== undefined && progress.match >= progress.settledAt;
}

function membersOf({ log }: Raft): Membership {
  return present(log.members, "a leader knows the members");
}

/** `whole`: also that their states are there. What is removed may have the only other one. */
function majorityAnswers(raft: Raft, reign: Reign, members: Membership, whole: boolean): boolean {
  let answering = 0;
  for (const { id, role } of members) {
    if (role === "learner") continue;
    if (id === raft.config.id) {
      if (raft.stateful || !whole) answering++;
      continue;
    }
    const progress = reign.progress.get(id);
    if (progress === undefined || !answers(progress, raft.now) || !progress.informed) continue;
    if (progress.standing === "able" || (progress.standing === "stateless" && !whole)) answering++;
  }
  return answering >= majority(voterCount(members));
}

/** Carry it out if nothing speaks against it; anyone who may not ignores it (see `changeRefusal`). */
export function changeMembership(raft: Raft, change: Change): void {
  const refusal = changeRefusal(raft, change);
  if (refusal === "leads" && raft.reign !== undefined) handOver(raft, raft.reign);
  if (refusal !== undefined) return;
  appendMembership(raft, present(changed(membersOf(raft), change), "a change that changes something"));
}

/** At every tick of a leader: a learner that is close behind, and could serve, becomes a voter. */
export function considerPromotion(raft: Raft, reign: Reign): void {
  for (const [id, progress] of reign.progress) {
    if (progress.voter || !isReady(progress)) continue;
    const change: Change = { kind: "promote", id };
    if (changeRefusal(raft, change) !== undefined) continue;
    changeMembership(raft, change);
    return;
  }
}

/**
 * A follower holds the newest entry that says who the members are only as a part of what its log begins behind: it is
 * said again. That changes nothing, so it needs to wait for nothing.
 */
export function repeatMembership(raft: Raft): void {
  if (mayAppend(raft)) appendMembership(raft, membersOf(raft));
}

/** Unconditionally: what speaks against it was looked at before. */
export function appendMembership(raft: Raft, members: Membership): void {
  const { reign, log } = raft;
  assert(reign !== undefined, "only a leader appends");
  const index = logIndex(log.lastIndex + 1);
  log.append({ index, term: raft.term, kind: "membership", payload: encodeMembership(members) });
  // In force from here on. Whoever is excluded is sent nothing any more, not even this.
  const gone = new Set(reign.progress.keys());
  for (const { id, role } of members) {
    gone.delete(id);
    if (id === raft.config.id) continue;
    const progress = reign.progress.get(id);
    if (progress === undefined) reign.progress.set(id, newProgress(index, raft.now, role === "voter"));
    else progress.voter = role === "voter";
  }
  for (const id of gone) reign.progress.delete(id);
  feedAll(raft);
  // Fewer may be enough now.
  advanceCommit(raft);
}
