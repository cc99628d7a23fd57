/** What an order replica says of itself. */
import type { EmbeddedLog } from "../log/embedded/embedded-log.ts";
import type { Replica } from "../order/replica.ts";
import type { GroupMember, ProcessStatus, ReplicaState } from "../wire/process.ts";

export function stateOf(role: EmbeddedLog["role"]): ReplicaState {
  return role === "pre-candidate" ? "candidate" : role;
}

export function groupMembers(members: EmbeddedLog["members"]): readonly GroupMember[] {
  return (members ?? []).map(({ id, role }) => ({ id, role }));
}

/** What it lacks to be whole, in words. */
function recovering(log: EmbeddedLog, { copying }: Replica, refilling: boolean): string | undefined {
  if (log.recovering !== undefined) {
    return `its log was lost: it counts in no majority and waits for ${log.recovering}`;
  }
  if (copying) return "it copies the state of another replica";
  return refilling ? "its database was set aside, and is built again from the log" : undefined;
}

/** `refilling`: its store was begun anew, and does not hold yet what the log held at the start. */
export function orderStatus(log: EmbeddedLog, replica: Replica, refilling: boolean): ProcessStatus {
  const { term, leader } = log.leadership;
  const lacking = recovering(log, replica, refilling);
  return {
    state: lacking === undefined ? stateOf(log.role) : "recovering",
    term,
    ...(leader !== undefined && { leader }),
    position: replica.market.position,
    commitIndex: log.commitIndex,
    lastIndex: log.lastIndex,
    ...replica.hashes(),
    orders: replica.market.nextOrder,
    ...(lacking !== undefined && { recovering: lacking }),
    ...(log.inDoubt && { inDoubt: true }),
    members: groupMembers(log.members),
    membersCommitted: log.membersCommitted,
    ...(!log.room && { diskFull: true }),
    rssBytes: process.memoryUsage.rss(),
  };
}
