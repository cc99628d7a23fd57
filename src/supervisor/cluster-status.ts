/** The whole system's status, put together from what the supervisor knows and what each process last said. */
import { type LinkRules, noLinkRules } from "../wire/link-faults.ts";
import type { ClusterStatus, ProcessStatus } from "../wire/process.ts";
import type { Life, ProcessPlan } from "./supervised-process.ts";

/** What a market is called, and the word for its items in the URL. */
export interface NamedMarket {
  readonly name: string;
  readonly resource: string;
  readonly engine: string;
}

export interface ProcessView {
  readonly plan: Pick<ProcessPlan, "name" | "role" | "id" | "host" | "port">;
  readonly life: Life;
  readonly pid: number | undefined;
  readonly restarts: number;
  readonly status: ProcessStatus | undefined;
}

/**
 * Who leads: the ready replica that says so, in the highest term. A paused one may still believe it, and counts only
 * if nobody newer does.
 */
function leaderOf(views: readonly ProcessView[]): ProcessView | undefined {
  const claims = views.filter(({ life, status }) => life === "ready" && status?.state === "leader");
  return claims.reduce<ProcessView | undefined>((best, view) => {
    return (view.status?.term ?? 0) > (best?.status?.term ?? -1) ? view : best;
  }, undefined);
}

/** By the leader's log; nothing is said while nobody is known to lead, or the engine has no members. */
function membershipOf(
  { role, id }: ProcessView["plan"],
  leader: ProcessView | undefined,
): { readonly membership?: "voter" | "learner" | "none" } {
  const members = leader?.status?.members;
  if (role !== "order" || members === undefined) return {};
  return { membership: members.find((member) => member.id === id)?.role ?? "none" };
}

export function clusterStatus(
  market: NamedMarket,
  views: readonly ProcessView[],
  links: LinkRules = noLinkRules,
): ClusterStatus {
  const leader = leaderOf(views);
  return {
    market: market.name,
    resource: market.resource,
    engine: market.engine,
    leader: leader?.plan.name ?? null,
    term: views.reduce((highest, { status }) => Math.max(highest, status?.term ?? 0), 0),
    ...((links.cuts.length > 0 || links.slows.length > 0) && { links }),
    processes: views.map(({ plan, life, pid, restarts, status }) => ({
      name: plan.name,
      role: plan.role,
      id: plan.id,
      pid: pid ?? null,
      address: plan.host,
      port: plan.port,
      up: life === "ready",
      life,
      restarts,
      ...membershipOf(plan, leader),
      ...status,
    })),
  };
}
