/** Who the members are, by what is committed: the checker's own record of it, and what must hold of changes. */
import { assert as check } from "../../src/base/assert.ts";
import type { ReplicaId } from "../../src/base/units.ts";
import type { Membership } from "../../src/raft/membership.ts";
import type { Raft } from "../../src/raft/raft.ts";

export function votersOf(members: Membership | undefined): readonly ReplicaId[] {
  return members?.filter(({ role }) => role === "voter").map(({ id }) => id) ?? [];
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

export class CommittedMembers {
  members: Membership;
  /** Whose removal is committed. */
  readonly removed = new Set<ReplicaId>();
  /** The newest term that anyone led. */
  #newestLeader = 0;

  constructor(founders: Membership) {
    this.members = founders;
  }

  /** One voter at a time, and who was removed never comes back. */
  committed(members: Membership): void {
    const before = votersOf(this.members);
    const after = votersOf(members);
    const gone = before.filter((id) => !after.includes(id)).length;
    const come = after.filter((id) => !before.includes(id)).length;
    check(gone + come <= 1, () => `voters ${before} became ${after} at once`);
    for (const { id } of this.members) if (!members.some((member) => member.id === id)) this.removed.add(id);
    for (const { id } of members) check(!this.removed.has(id), () => `${id} came back`);
    this.members = members;
  }

  /** Whoever leads in the newest term has majorities that overlap with those of the committed members. */
  elected(raft: Raft): void {
    if (raft.term <= this.#newestLeader) return;
    this.#newestLeader = raft.term;
    const ours = votersOf(raft.log.members);
    const committed = votersOf(this.members);
    const either = new Set([...ours, ...committed]).size;
    check(
      majority(ours.length) + majority(committed.length) > either,
      () => `${raft.config.id} leads voters ${ours}, disjoint from a majority of ${committed}`,
    );
  }
}
