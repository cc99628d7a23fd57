/**
 * What must come true within a bounded time: of a group that was healed, agreement, wholeness, and its highest id in
 * the lead; of one whose lease holders alone suffer, that every entry is committed when their leases are over.
 */
import { assert, present } from "../../src/base/assert.ts";
import { leaseTimes } from "../../src/base/limits.ts";
import { mayAppend } from "../../src/raft/raft.ts";
import type { Clients } from "./clients.ts";
import type { SimReplica } from "./replica.ts";
import type { World } from "./world.ts";

/** How long a healed group may take; messages of before may be under way for 5 s of it, copies for 4 s. */
const agreeMs = 12_000;
const highestLeadsMs = 30_000;
/** What a commit takes besides a lease, with nothing amiss between the replicas. */
const commitMs = 400;
const outlivedMs = leaseTimes.leaseMs * leaseTimes.driftMargin + commitMs;

export function reachAgreement(world: World, clients: Clients): void {
  const { scheduler, invariants } = world;
  const end = scheduler.now + agreeMs;
  until(world, end, "one leader that may append", () => agreedLeader(world) !== undefined);
  clients.stop();
  // What was under way when the faults ended may still depose a leader, and its proposal may be lost with it.
  let term = 0;
  let target = Number.POSITIVE_INFINITY;
  until(world, end, "a new entry everywhere", () => {
    const leader = agreedLeader(world);
    if (leader !== undefined && leader.running.term !== term) {
      term = leader.running.term;
      clients.propose(leader);
      target = leader.running.log.lastIndex;
    }
    return (
      leader !== undefined && membersOf(world, leader).every(({ running }) => running.delivered >= target)
    );
  });
  until(world, end, "everyone is whole", () => {
    const leader = agreedLeader(world);
    return leader !== undefined && membersOf(world, leader).every(isWhole);
  });
  until(world, end, "every member is a voter", () => {
    const leader = agreedLeader(world);
    return leader?.running.log.members?.every(({ role }) => role === "voter") === true;
  });
  until(world, scheduler.now + highestLeadsMs, "the highest id leads, and all logs are equal", () => {
    const leader = agreedLeader(world);
    if (leader === undefined) return false;
    const members = membersOf(world, leader);
    const through = leader.running.log.lastIndex;
    return members.at(-1) === leader && members.every((replica) => hasAll(replica, through));
  });
  const highest = present(agreedLeader(world), "a leader");
  outliveHolders(world, clients, highest);
  invariants.finally();
  clients.read(highest);
  until(world, scheduler.now + 500, "a read is served", () => !highest.isReading);
}

/** Throws if an entry ever waits for longer than a lease lasts, while nothing is amiss but with holders. */
export function watchCommits(world: World, clients: Clients): void {
  const { scheduler, replicas } = world;
  let waiting: { readonly leader: SimReplica; readonly index: number; readonly since: number } | undefined;
  const watch = () => {
    if (clients.haveStopped) return;
    const leader = replicas.find(({ leads }) => leads);
    if (waiting !== undefined && (leader !== waiting.leader || leader.running.commit >= waiting.index))
      waiting = undefined;
    if (waiting !== undefined) {
      const { index, since } = waiting;
      assert(scheduler.now - since < outlivedMs, () => `entry ${index} waits since ${since}`);
    } else if (leader !== undefined && leader.running.commit < leader.running.log.lastIndex) {
      waiting = { leader, index: leader.running.log.lastIndex, since: scheduler.now };
    }
    scheduler.after(10, watch);
  };
  watch();
}

/** With all lease holders killed or stopped, commits go on when their leases are over. */
function outliveHolders(world: World, clients: Clients, leader: SimReplica): void {
  const { scheduler, holders } = world;
  for (const holder of holders) {
    if (scheduler.chance(0.5)) holder.crash();
    else holder.pause();
  }
  clients.propose(leader);
  until(world, scheduler.now + outlivedMs, "a commit outlives its leases", () =>
    membersOf(world, leader).every((replica) => hasAll(replica, leader.running.log.lastIndex)),
  );
}

/** The leader that all of its members agree on. Of several that believe to lead the one of the newest term. */
function agreedLeader(world: World): SimReplica | undefined {
  const leaders = world.replicas.filter((replica) => replica.leads && mayAppend(replica.running));
  const leader = leaders.toSorted((a, b) => a.running.term - b.running.term).at(-1);
  if (leader === undefined) return undefined;
  const { id, running } = leader;
  return membersOf(world, leader).every(
    (each) => each.isRunning && each.running.leader === id && each.running.term === running.term,
  )
    ? leader
    : undefined;
}

/** Ascending by id. */
function membersOf({ replicas }: World, leader: SimReplica): readonly SimReplica[] {
  const { members } = leader.running.log;
  return replicas.filter(({ id }) => members?.some((member) => member.id === id));
}

/** Nothing that it lost is missing or in doubt. */
function isWhole({ running, store, disk }: SimReplica): boolean {
  const { doubtful, recovery, stateful } = running;
  if (running.log.members === undefined) return false;
  return !doubtful && recovery === undefined && stateful && !store.copying && !disk.behind;
}

function hasAll({ running, disk }: SimReplica, through: number): boolean {
  return running.delivered === through && disk.lastIndex === through && disk.pending.length === 0;
}

function until({ scheduler }: World, end: number, what: string, condition: () => boolean): void {
  while (!condition()) {
    assert(scheduler.now < end, () => `in time: ${what}`);
    scheduler.runUntil(scheduler.now + 10);
  }
}
