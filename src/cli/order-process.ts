/**
 * The order replica as a process: chooses its store and its log, listens, and answers until it is stopped. It is here
 * and not in order/, which knows only the ports.
 */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { present } from "../base/assert.ts";
import { OperatingFailure } from "../base/failure.ts";
import { formatHash } from "../base/hash128.ts";
import { seededRandom } from "../base/random.ts";
import { replicaId } from "../base/units.ts";
import { EmbeddedLog } from "../log/embedded/embedded-log.ts";
import type { Member } from "../log/embedded/peers.ts";
import type { MarketDefinition } from "../market/definition.ts";
import { emptyMarket, restoreMarket } from "../market/market.ts";
import { acceptorFor } from "../order/acceptor.ts";
import { CopySource } from "../order/copy-source.ts";
import { type CopiedState, copyState } from "../order/copy-state.ts";
import { Replica } from "../order/replica.ts";
import type { Digest } from "../store/port.ts";
import { leaveMark, StoreDamage } from "../store/sqlite/damage.ts";
import type { SqliteStore } from "../store/sqlite/sqlite-store.ts";
import { endRefilling, openSqliteStore } from "../store/sqlite/store.ts";
import type { NewReplica } from "../supervisor/data-directory.ts";
import { Listener } from "../wire/listener.ts";
import type { OrderConfig, ProcessHost, RunningProcess, ServiceAddress } from "../wire/process.ts";
import { commitEvents, processEvent, roomEvents, storeRecovery } from "./order-events.ts";
import { orderStatus } from "./order-status.ts";

const logDirectory = (directory: string): string => join(directory, "log");

/** The store's own write-ahead log is copied into its file at so many pages; fewer where the log's segments are small too. */
const checkpointPages = { least: 32, most: 4_096, bytes: 4_096 } as const;

/**
 * Make an empty directory a new replica's: one of the `founders` of a cluster, or, without them, one that joins it later.
 * Throws if it is one already.
 */
export async function formatReplica(
  directory: string,
  identity: NewReplica,
  segmentBytes: number,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const { cluster, replica, founders } = identity;
  await EmbeddedLog.format(
    logDirectory(directory),
    { cluster, replica: replicaId(replica) },
    { segmentBytes, ...(founders !== undefined && { founders: founders.map(replicaId) }) },
  );
}

/** Resolves once the replica listens and takes part in its group. */
export async function startOrder(config: OrderConfig, host: ProcessHost): Promise<RunningProcess> {
  const { cluster, name, directory } = config;
  let { orders } = config;
  const id = replicaId(config.id);
  const onFatal = (error: unknown): void => host.fatal(error);
  const random = seededRandom(randomBytes(6).readUIntLE(0, 6));
  const tellRoom = roomEvents(host);
  let noteStoreRoom = (room: boolean): void => tellRoom("store", room);
  const { store, begunAnew } = await openStore(config, host, (full) => noteStoreRoom(!full));
  const stored = await store.load();
  const market = stored.state === undefined ? emptyMarket() : restoreMarket(stored.state);
  const log = await EmbeddedLog.open({
    cluster,
    name,
    id,
    members: orders.map(memberAt),
    directory: logDirectory(directory),
    applied: { index: stored.index, term: stored.term },
    stateful: !stored.copying,
    keptBytes: config.keptLogBytes,
    segmentBytes: config.segmentBytes,
    random,
    onFatal,
    onEvent: (event) => {
      if (event.kind === "room") tellRoom("log", event.room);
      else host.emit(processEvent(event));
    },
  });
  noteStoreRoom = (room) => {
    tellRoom("store", room);
    log.noteReaderRoom(room);
  };
  noteStoreRoom(!store.full);
  const told = commitEvents(host, () => market);
  const refilled = begunAnew
    ? storeRecovery(host, log.lastIndex, () => finishRefilling(store, directory))
    : undefined;
  const copy = async (
    atLeast: Parameters<typeof log.compact>[0],
    signal: AbortSignal,
  ): Promise<CopiedState> => {
    try {
      return await copyState({
        peers: orders.filter((order) => order.id !== config.id),
        hello: { cluster, role: "copier", name, id: config.id, incarnation: log.incarnation },
        store,
        atLeast,
        onEvent: (event) => host.emit(event),
        signal,
        random,
      });
    } catch (error) {
      // Nobody's state fits what lies here: then that is wrong, and the next start sets it aside.
      if (error instanceof OperatingFailure && error.code === "wrong-data") {
        leaveMark(directory, new StoreDamage(error.message, error));
        throw new OperatingFailure("storage", error.message, { cause: error });
      }
      throw error;
    }
  };
  const replica = new Replica({
    log,
    store,
    market,
    applied: stored.index,
    copying: stored.copying,
    copyState: copy,
    // The supervisor has checked it.
    definition: config.market as MarketDefinition,
    wallClock: () => Date.now(),
    onFatal,
    onApplied: (from, to) => {
      told(from, to);
      refilled?.applied(to);
    },
    onEvent: (event) => host.emit(event),
  });
  // An earlier life may have refilled it, and ended before it could say so.
  if (stored.index > 0 && !stored.copying) refilled?.applied(stored.index);
  const copySource = new CopySource({ store });
  const self = present(
    orders.find((order) => order.id === config.id),
    "this replica's own address",
  );
  const listener = await Listener.open(self, (connection) =>
    acceptorFor(connection, {
      cluster,
      replica,
      acceptPeer: (hello, peer) => log.accept(hello, peer),
      acceptCopier: (_hello, copier) => copySource.accept(copier),
    }),
  );
  host.onReplicas?.((replicas) => {
    orders = replicas;
    log.noteAddresses(replicas.map(memberAt));
  });
  return {
    status: () => orderStatus(log, replica, refilled?.underWay === true),
    changeMembers: (change) =>
      log.changeMembers(
        change.kind === "add"
          ? { kind: "add", ...memberAt(change.replica) }
          : { kind: "remove", id: replicaId(change.id) },
      ),
    digest: async () => readable(await store.digest()),
    stop: async () => {
      await listener.close();
      await copySource.close();
      await replica.close();
    },
  };
}

function memberAt({ id, host, port }: ServiceAddress): Member {
  return { id: replicaId(id), host, port };
}

/** `begunAnew`: what lay there was damaged and was set aside, in this life or in one that did not refill it. */
async function openStore(
  config: OrderConfig,
  host: ProcessHost,
  onFull: (full: boolean) => void,
): Promise<{ readonly store: SqliteStore; readonly begunAnew: boolean }> {
  const { least, most, bytes } = checkpointPages;
  const { store, setAside } = await openSqliteStore({
    dir: config.directory,
    identity: { cluster: config.cluster, replica: config.id },
    create: false,
    onFatal: (error) => host.fatal(error),
    onFull,
    checkpointPages: Math.min(most, Math.max(least, Math.floor(config.segmentBytes / bytes))),
  });
  if (setAside !== undefined) {
    const { reason: found, file = "another file" } = setAside;
    const reason = `${found}. It was set aside as ${file}.`;
    host.emit({ kind: "recovery-started", what: "store", reason });
  }
  return { store, begunAnew: setAside !== undefined };
}

/** The store has caught up in memory: wait until it has on disk. */
async function finishRefilling(store: SqliteStore, directory: string): Promise<boolean> {
  try {
    await store.flush();
  } catch {
    // The store has failed, which is told by `onFatal`, or is being closed: the next life goes on.
    return false;
  }
  endRefilling(directory);
  return true;
}

function readable(digest: Digest): unknown {
  return { ...digest, stored: formatHash(digest.stored), computed: formatHash(digest.computed) };
}
