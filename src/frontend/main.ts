/**
 * A front-end: the HTTP API on one side, the order replicas on the other. It holds nothing that must survive: what
 * it has promised is in the replicated log, what it is asked again it finds there by the request's id.
 */
import { randomInt } from "node:crypto";
import { OperatingFailure } from "../base/failure.ts";
import type { FrontendConfig, ProcessHost, RunningProcess } from "../wire/process.ts";
import type { Desk } from "./desk.ts";
import { openHttpServer } from "./http.ts";
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

/**
 * Resolves when it listens on `config.public` and its session with the market is open. For the session it waits
 * without bound, because only a leader can open one: until then it serves what needs none, answers orders and
 * `/readyz` with 503, and whoever started it says that it still waits. Rejects with `OperatingFailure` if the port
 * is taken.
 */
export async function startFrontend(config: FrontendConfig, host: ProcessHost): Promise<RunningProcess> {
  const { resource, currency } = readMarket(config.market);
  const now = (): number => performance.now();
  const conditions = createConditions();
  let stopping = false;
  const replicas = new Replicas(config, randomInt(2 ** 47), {
    now,
    emit: (event) => host.emit(event),
    ticked: (nowMs) => {
      if (!stopping) keeper.tick(nowMs);
      conditions.check();
    },
  });
  const keeper = new SessionKeeper(replicas, (session) => host.emit({ kind: "session-opened", session }));
  const desk: Desk = {
    resource,
    replicas,
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
    address: config.public,
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
        rssBytes: process.memoryUsage.rss(),
      };
    },
    stop: async () => {
      if (stopping) return;
      stopping = true;
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
