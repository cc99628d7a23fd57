/**
 * The order replica as a process: chooses its store and its log, listens, and answers until it is stopped. It is here
 * and not in order/, which knows only the ports.
 */

import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { present } from "../base/assert.ts";
import { formatHash } from "../base/hash128.ts";
import { seededRandom } from "../base/random.ts";
import { type LogIndex, replicaId } from "../base/units.ts";
import { type EmbeddedEvent, EmbeddedLog } from "../log/embedded/embedded-log.ts";
import type { MarketDefinition } from "../market/definition.ts";
import { emptyMarket, restoreMarket } from "../market/market.ts";
import { acceptorFor } from "../order/acceptor.ts";
import { Replica } from "../order/replica.ts";
import type { Digest } from "../store/port.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";
import type { Hello } from "../wire/hello.ts";
import { type Acceptor, Listener } from "../wire/listener.ts";
import type {
  OrderConfig,
  ProcessEvent,
  ProcessHost,
  ProcessStatus,
  ReplicaState,
  RunningProcess,
} from "../wire/process.ts";

const logDirectory = (directory: string): string => join(directory, "log");

/** While someone watches, commits are told at most this often. */
const commitEventEveryMs = 100;

/** Make an empty directory a new replica's. Throws if it is one already. */
export async function formatReplica(
  directory: string,
  identity: { readonly cluster: string; readonly replica: number },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  await EmbeddedLog.format(logDirectory(directory), {
    cluster: identity.cluster,
    replica: replicaId(identity.replica),
  });
}

/** Resolves once the replica listens and takes part in its group. */
export async function startOrder(config: OrderConfig, host: ProcessHost): Promise<RunningProcess> {
  const onFatal = (error: unknown): void => host.fatal(error);
  const identity = { cluster: config.cluster, replica: config.id };
  const store = await openSqliteStore({ dir: config.directory, identity, create: false, onFatal });
  const stored = await store.load();
  const market = stored.state === undefined ? emptyMarket() : restoreMarket(stored.state);
  const members = config.orders.map(({ id, host: address, port }) => ({
    id: replicaId(id),
    host: address,
    port,
  }));
  const log = await EmbeddedLog.open({
    cluster: config.cluster,
    name: config.name,
    id: replicaId(config.id),
    members,
    directory: logDirectory(config.directory),
    applied: stored.index,
    random: seededRandom(randomBytes(6).readUIntLE(0, 6)),
    onFatal,
    onEvent: (event) => host.emit(processEvent(event)),
  });
  const replica = new Replica({
    log,
    store,
    market,
    applied: stored.index,
    // The supervisor has checked it.
    definition: config.market as MarketDefinition,
    wallClock: () => Date.now(),
    onFatal,
    onApplied: commitEvents(host, () => replica.market.position),
  });
  const self = present(
    config.orders.find((order) => order.id === config.id),
    "this replica's own address",
  );
  const listener = await Listener.open(self, (connection) => {
    const peer = (hello: Hello): Acceptor => log.accept(hello, connection);
    return acceptorFor(connection, config.cluster, peer, replica);
  });
  return {
    status: () => status(log, replica),
    digest: async () => readable(await store.digest()),
    stop: async () => {
      await listener.close();
      await replica.close();
    },
  };
}

function processEvent(event: EmbeddedEvent): ProcessEvent {
  switch (event.kind) {
    case "peer-connected":
    case "peer-lost":
      return { kind: event.kind, peer: `order-${event.peer}` };
    case "role-changed": {
      const { role, term, leader } = event;
      return { kind: "state-changed", state: stateOf(role), term, leader: leader ?? null };
    }
    case "transfer-started":
      return { kind: "leadership-transferred", to: event.to };
    case "quorum-lost":
      return {
        kind: "warning",
        message: `no majority answers the leader of term ${event.term}: it steps down`,
      };
    default:
      return event;
  }
}

/** Tells what was committed, in lumps: a busy log commits thousands of entries a second. */
function commitEvents(host: ProcessHost, position: () => number): (from: LogIndex, to: LogIndex) => void {
  let from: LogIndex | undefined;
  let toldAt = 0;
  return (first, last) => {
    if (!host.watched) return;
    from ??= first;
    const now = performance.now();
    if (now - toldAt < commitEventEveryMs) return;
    host.emit({ kind: "entries-committed", from, to: last, position: position() });
    from = undefined;
    toldAt = now;
  };
}

function stateOf(role: EmbeddedLog["role"]): ReplicaState {
  return role === "pre-candidate" ? "candidate" : role;
}

function status(log: EmbeddedLog, replica: Replica): ProcessStatus {
  const { term, leader } = log.leadership;
  return {
    state: stateOf(log.role),
    term,
    ...(leader !== undefined && { leader }),
    position: replica.market.position,
    commitIndex: log.commitIndex,
    lastIndex: log.lastIndex,
    ...replica.hashes(),
    orders: replica.market.nextOrder,
    rssBytes: process.memoryUsage.rss(),
  };
}

function readable(digest: Digest): unknown {
  return { ...digest, stored: formatHash(digest.stored), computed: formatHash(digest.computed) };
}
