/** The calls for operators and machines: who leads, what runs, whether this process is well, what the API is. */
import type { ClusterStatus } from "../wire/process.ts";
import type { Desk } from "./desk.ts";
import { type Exchange, respond, respondData, respondProblem } from "./exchange.ts";
import { renderMetrics } from "./metrics.ts";
import { leaderless, problem, starting } from "./problem.ts";

export interface Operations {
  cluster(): Promise<ClusterStatus>;
  /** Whether the process is about to end. */
  readonly stopping: boolean;
  /** The API's description, as JSON. */
  description(): string;
}

export function showLeader({ replicas }: Desk, exchange: Exchange): void {
  const { leader } = replicas;
  if (leader === undefined) {
    respondProblem(exchange, leaderless.fresh);
    return;
  }
  const { name, id, port } = leader.address;
  respondData(exchange, JSON.stringify({ leader: name, id, port, term: leader.term }));
}

export function showCluster(operations: Operations, exchange: Exchange): void {
  operations.cluster().then(
    (cluster) => respondData(exchange, JSON.stringify(cluster)),
    () =>
      respondProblem(exchange, problem("unavailable", "The supervisor does not answer. Try again shortly.")),
  );
}

export function livez(exchange: Exchange): void {
  respondData(exchange, `{"status":"live"}`);
}

/** Ready is who can take an order now: a session is open and somebody leads. */
export function readyz({ keeper, replicas }: Desk, operations: Operations, exchange: Exchange): void {
  if (operations.stopping) respondProblem(exchange, problem("unavailable", "The front-end is stopping."));
  else if (keeper.session === undefined) respondProblem(exchange, starting);
  else if (replicas.leader === undefined) respondProblem(exchange, leaderless.fresh);
  else respondData(exchange, `{"status":"ready"}`);
}

export function metricsPage({ metrics, replicas, reads, now }: Desk, exchange: Exchange): void {
  const cpu = process.cpuUsage();
  const page = renderMetrics(metrics, {
    pendingOrders: replicas.pendingOrders,
    pendingReads: replicas.pendingReads,
    resends: replicas.resends,
    connectedReplicas: replicas.connected,
    connectedCatalogs: replicas.connectedCatalogs,
    cacheEntries: reads.entries,
    cacheEvictions: reads.evictions,
    leased: reads.holds(now()),
    parkedReads: reads.parked,
    leaderTerm: replicas.leader?.term ?? 0,
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (cpu.user + cpu.system) / 1_000_000,
  });
  respond(exchange, 200, page, [], "text/plain; version=0.0.4; charset=utf-8");
}

export function describeApi(operations: Operations, exchange: Exchange): void {
  respond(exchange, 200, operations.description());
}
