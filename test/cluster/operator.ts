/**
 * Who changes the group while a history lasts: adds the next of the replicas that were never members, removes one that
 * is, asks for promotions that are not due, and asks whoever believes that it leads, at any time. A removed replica is
 * stopped for good once its removal is committed, or is forgotten, and goes on asking for votes. An id that was removed
 * never comes back.
 */
import { logIndex, type ReplicaId } from "../../src/base/units.ts";
import { type Change, isVoter, type Membership, voterCount } from "../../src/raft/membership.ts";
import type { SimReplica } from "./replica.ts";
import { askForChange } from "./rule-breaker.ts";
import type { World } from "./world.ts";

const votersMax = 7;

export class Operator {
  readonly #world: World;
  readonly #everyMs: number;
  #stopped = false;
  /** Whose removal was asked for: it may come about at any time. */
  readonly #spent = new Set<ReplicaId>();

  /** `everyMs` 0: it does nothing. */
  constructor(world: World, everyMs: number) {
    this.#world = world;
    this.#everyMs = everyMs;
  }

  start(): void {
    if (this.#everyMs > 0) this.#later();
  }

  stop(): void {
    this.#stopped = true;
  }

  #later(): void {
    const { scheduler } = this.#world;
    scheduler.after(scheduler.random() * 2 * this.#everyMs, () => {
      if (this.#stopped) return;
      this.#act();
      this.#later();
    });
  }

  #act(): void {
    const { scheduler, replicas } = this.#world;
    this.#stopRemoved();
    const leaders = replicas.filter((replica) => replica.leads && !replica.isPaused);
    const leader = leaders.length === 0 ? undefined : scheduler.pick(leaders);
    const members = leader?.running.log.members;
    if (leader === undefined || members === undefined) return;
    const change = this.#choose(members);
    if (change === undefined) return;
    scheduler.trace(() => `== ${change.kind} ${change.id}, asked of ${leader.id}`);
    askForChange(this.#world, leader, change);
  }

  #choose(members: Membership): Change | undefined {
    const { scheduler, replicas } = this.#world;
    const learners = members.filter(({ role }) => role === "learner");
    if (learners.length > 0 && scheduler.chance(0.2))
      return { kind: "promote", id: scheduler.pick(learners).id };
    const fresh = replicas.find(
      ({ id }) => !members.some((member) => member.id === id) && !this.#spent.has(id),
    );
    const grows = scheduler.chance(voterCount(members) < 3 ? 0.8 : 0.5);
    if (grows && fresh !== undefined && members.length < votersMax) {
      this.#begin(fresh);
      return { kind: "add", id: fresh.id, address: "" };
    }
    const { id } = scheduler.pick(members);
    // The leader sees to it as far as it can know; a disk that was lost a moment ago it cannot know of.
    const left = votersAmong(replicas, members).filter((voter) => voter.id !== id);
    if (left.filter(isFirm).length <= left.length / 2) return undefined;
    this.#spent.add(id);
    return { kind: "remove", id };
  }

  /** Its process starts before or after it is a member. */
  #begin(fresh: SimReplica): void {
    const { scheduler } = this.#world;
    if (fresh.wanted) return;
    fresh.wanted = true;
    scheduler.after(scheduler.pick([0, 20, 400]) * scheduler.random(), () => {
      if (!fresh.isRunning && fresh.wanted) fresh.start();
    });
  }

  #stopRemoved(): void {
    const { scheduler, replicas, invariants } = this.#world;
    for (const replica of replicas) {
      if (!replica.wanted || !invariants.removed.has(replica.id) || !scheduler.chance(0.2)) continue;
      replica.wanted = false;
      if (replica.isRunning)
        replica.crash({ mayTear: true, cutAcknowledged: false, forgetsVotes: false, loses: "nothing" });
    }
  }
}

/** What every replica that is to run, or its disk, takes for the members; and what is known to be. */
export function configurations({ replicas, invariants }: World): readonly Membership[] {
  const all = replicas.filter(({ wanted }) => wanted).map((replica) => membersBy(replica));
  return [...all, invariants.members].filter((members) => members !== undefined);
}

function membersBy(replica: SimReplica): Membership | undefined {
  return replica.isRunning
    ? replica.running.log.members
    : replica.disk.membersAt(logIndex(replica.disk.lastIndex));
}

/** Whether its vote counts, whenever it runs. */
export function isFirm({ disk }: SimReplica): boolean {
  return !disk.doubtful && !disk.recovering && disk.membersAt(disk.lastIndex) !== undefined;
}

/** The voters among the replicas, by a configuration. */
export function votersAmong(replicas: readonly SimReplica[], members: Membership): readonly SimReplica[] {
  return replicas.filter(({ id }) => isVoter(members, id));
}
