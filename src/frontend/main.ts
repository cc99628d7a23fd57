/**
 * A front-end: the HTTP API on one side, the order replicas on the other. It holds nothing that must survive: what
 * it has promised is in the replicated log, what it is asked again it finds there by the request's id.
 */
import { randomInt } from "node:crypto";
import type { ByteWriter } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { writeAcknowledgement, writeLeaseRequest, writeSession } from "../wire/lease.ts";
import type { CacheCounts, FrontendConfig, ProcessHost, RunningProcess } from "../wire/process.ts";
import { serviceFrames } from "../wire/service.ts";
import { Barriers } from "./barriers.ts";
import type { Desk } from "./desk.ts";
import { type Ready, spellings } from "./hits.ts";
import { openHttpServer } from "./http.ts";
import { askBarrier, askLeased, failRead, type ItemRead, readBehindBarrier, showMiss } from "./item-reads.ts";
import { LeasedReads } from "./leased-reads.ts";
import { clockTimes } from "./limits.ts";
import { createMetrics } from "./metrics.ts";
import { describeRoutes } from "./openapi.ts";
import { createRenderer } from "./rendering.ts";
import { Replicas } from "./replicas.ts";
import { RequestKeys } from "./request-key.ts";
import { createRoutes, type Route } from "./routes.ts";
import { SessionKeeper } from "./session-keeper.ts";

/** The two words of the market's definition that a front-end needs. */
function readMarket(market: unknown): { readonly resource: string; readonly currency: string } {
  if (typeof market === "object" && market !== null && "resource" in market) {
    const { resource } = market;
    const currency = "currency" in market ? market.currency : "USD";
    if (typeof resource === "string" && typeof currency === "string") return { resource, currency };
  }
  throw new OperatingFailure("wrong-data", "the market's definition has no resource or no currency");
}

/** Calls everyone who waits for a condition after each turn of the clock. */
function createConditions() {
  let waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];
  return {
    check(): void {
      if (waiting.length === 0) return;
      const met = waiting.filter(({ holds }) => holds());
      waiting = waiting.filter((one) => !met.includes(one));
      for (const { resolve } of met) resolve();
    },
    until(holds: () => boolean): Promise<void> {
      return new Promise((resolve) => waiting.push({ holds, resolve }));
    },
  };
}

/** `desk` is there by the time that anything is read. */
function openReads(
  entries: number,
  resource: string,
  desk: () => Desk,
  ended: (session: number) => void,
): LeasedReads<Ready, ItemRead> {
  return new LeasedReads(
    { entries, spell: spellings(resource) },
    {
      sendRequest: (link, request) => {
        desk().replicas.send(link, serviceFrames.leaseRequest, (body) => writeLeaseRequest(body, request));
      },
      sendAcknowledgement: (link, acknowledgement) => {
        const write = (body: ByteWriter): void => writeAcknowledgement(body, acknowledgement);
        desk().replicas.send(link, serviceFrames.acknowledgement, write);
      },
      sendEnd: (link, session) => {
        desk().replicas.send(link, serviceFrames.leaseEnd, (body) => writeSession(body, { session }));
      },
      ask: (asking) => askLeased(desk(), asking),
      show: (read, content, source) => showMiss(desk(), read, content, source),
      fail: (read) => failRead(desk(), read),
      unleased: (read) => readBehindBarrier(desk(), read),
      ended,
    },
  );
}

function cacheCounts({ reads, metrics: { cache } }: Desk): CacheCounts {
  const { entries, evictions } = reads;
  return { entries, evictions, ...cache };
}

/**
 * Resolves when it listens on `config.listen` and its session with the market is open. For the session it waits
 * without bound, because only a leader can open one: until then it serves what needs none, answers orders and
 * `/readyz` with 503, and whoever started it says that it still waits. Rejects with `OperatingFailure` if the port
 * is taken.
 */
export async function startFrontend(config: FrontendConfig, host: ProcessHost): Promise<RunningProcess> {
  const { resource, currency } = readMarket(config.market);
  const now = (): number => performance.now();
  const conditions = createConditions();
  let stopping = false;
  const replicas: Replicas = new Replicas(config, randomInt(2 ** 47), {
    now,
    emit: (event) => host.emit(event),
    get holder() {
      return desk.reads;
    },
    sending: () => askBarrier(desk),
    ticked: (nowMs) => {
      if (!stopping) keeper.tick(nowMs);
      conditions.check();
    },
  });
  host.onReplicas?.((orders) => replicas.replicasChanged(orders));
  const keeper = new SessionKeeper(replicas, (session) => host.emit({ kind: "session-opened", session }));
  const desk: Desk = {
    resource,
    replicas,
    reads: openReads(
      config.cache,
      resource,
      () => desk,
      (session) => {
        // Given up by a process that ends it is not lost.
        if (stopping) return;
        desk.metrics.cache.lapses++;
        host.emit({ kind: "lease-lapsed", session });
      },
    ),
    barriers: new Barriers(),
    keeper,
    keys: new RequestKeys(config.secret),
    renderer: createRenderer(currency),
    metrics: createMetrics(),
    now,
  };
  let description: string | undefined;
  const routes: readonly Route[] = createRoutes(desk, {
    cluster: () => host.cluster(),
    get stopping() {
      return stopping;
    },
    description: () => {
      description ??= JSON.stringify(describeRoutes(routes, resource));
      return description;
    },
  });
  const http = await openHttpServer(desk, routes, {
    address: config.listen,
    token: config.token,
    fatal: (error) => host.fatal(error),
  }).catch((error: unknown) => {
    replicas.close();
    throw error;
  });
  await conditions.until(() => keeper.session !== undefined);
  return {
    status: () => {
      const { leader } = replicas;
      return {
        ...(leader && { leader: leader.replica, term: leader.term }),
        cache: cacheCounts(desk),
        rssBytes: process.memoryUsage.rss(),
      };
    },
    connection: (socket) => http.take(socket),
    stop: async () => {
      if (stopping) return;
      stopping = true;
      // First: from here on no order has to wait for this process.
      desk.reads.stop();
      http.drain();
      const stopMs = now() + clockTimes.stopMs;
      await conditions.until(
        () => (replicas.pendingOrders === 0 && replicas.pendingReads === 0) || now() > stopMs,
      );
      const farewellMs = now() + clockTimes.farewellMs;
      await conditions.until(() => keeper.farewell(now()) || now() > farewellMs);
      await http.close();
      replicas.close();
    },
  };
}
