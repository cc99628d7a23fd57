/**
 * What a crash may cost. Whoever promises to survive the loss of a minority's disks must be spared more than that: what
 * is lost must be made good before more is, and nobody may be needed who cannot vote.
 */
import type { CrashRules } from "./disk.ts";
import { configurations, isFirm, votersAmong } from "./operator.ts";
import type { SimReplica } from "./replica.ts";
import type { World } from "./world.ts";

export interface LossProfile {
  /** How likely a crash cuts an acknowledged write, and how likely it loses the store, the log, or both. */
  readonly cut: number;
  readonly loss: number;
  readonly only?: "store";
}

export function drawLosses(world: World, replica: SimReplica, profile: LossProfile): CrashRules {
  const { scheduler, replicas, broken } = world;
  const others = replicas.filter((other) => other !== replica && other.wanted);
  const recovering = replicas.some(({ disk, wanted }) => wanted && disk.recovering);
  // A learner may be promoted before its leader notices what it has lost.
  const groups = configurations(world).flatMap((members) => [
    votersAmong(replicas, members),
    replicas.filter(({ id }) => members.some((member) => member.id === id)),
  ]);
  // By whomever's idea of the members, those who can vote are a majority without it.
  const firm = groups.every((voters) => {
    const able = voters.filter((voter) => voter !== replica && isFirm(voter));
    return able.length > voters.length / 2;
  });
  // Those who count must have all that they ever acknowledged, and a state. A group of one has no other copy.
  const counting = others.filter(({ disk }) => !disk.recovering);
  const whole = counting.every((other) => other.disk.lost.length === 0 && hasState(other));
  // What its log no longer holds, somebody else must be able to give: of two, one may have committed alone while the other's
  // removal was under way, which then came to nothing.
  const given = counting.some((other) => hasState(other) && other.disk.lastIndex >= replica.disk.base.index);
  const mayLose =
    whole && given && groups.every((voters) => voters.length > 1) && replica.disk.lost.length === 0;
  let loses: CrashRules["loses"] = "nothing";
  if (mayLose && scheduler.chance(profile.loss)) {
    loses = profile.only ?? scheduler.pick(["store", "log", "everything"]);
    // Those who lost their logs do not count: the others must be a majority. A store is lost alone.
    if (loses === "store" ? recovering : !firm) loses = "nothing";
  }
  return {
    mayTear: !recovering || firm,
    // One in doubt needs every vote, and who does not know the members cannot ask for any.
    cutAcknowledged: mayLose && loses === "nothing" && !recovering && firm && scheduler.chance(profile.cut),
    forgetsVotes: broken === "forgets votes",
    loses,
  };
}

function hasState({ disk, store }: SimReplica): boolean {
  return !store.copying && store.index >= disk.base.index;
}
