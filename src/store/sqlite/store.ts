/**
 * The door to the store in SQLite: a replica's directory is locked, what is damaged in it is set aside, and the file is
 * opened, checked, and given to a `SqliteStore`.
 */
import type { OperatingFailure } from "../../base/failure.ts";
import { damageLeft, renameAside, StoreDamage, stillRefilling, storeFile } from "./damage.ts";
import type { Identity } from "./database.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { ReadThread } from "./read-thread.ts";
import type { SetAside } from "./refill-note.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { WriteThread } from "./write-thread.ts";

export { endRefilling, setStoreAside } from "./damage.ts";

export interface SqliteStoreOptions {
  /** The replica's own directory; it is made if missing, and locked while the store is open. */
  readonly dir: string;
  readonly identity: Identity;
  /** The cluster is being created: a file that has a state already, or is damaged, is refused. */
  readonly create: boolean;
  /** The disk or a thread failed. Nothing will become durable any more: the process must stop. Called once. */
  readonly onFatal: (failure: OperatingFailure) => void;
  /** Whether the disk has no space, at every change, also while the file is being opened. */
  readonly onFull?: (full: boolean) => void;
  /**
   * Pages of 4 KiB in the write-ahead log at which a transaction also copies them into the database; its file may grow
   * to twice that, and further while there is something that holds an old state. Unless told 4,096, which is 16 MiB: a
   * page that many transactions change is then copied once, and a restart has little to recover.
   */
  readonly checkpointPages?: number;
  /** Between two tries while the disk has no space; unless told 250. */
  readonly retryMs?: number;
  /** A frozen state that nobody asked for so long is closed; unless told 30,000. */
  readonly freezeIdleMs?: number;
  /** For tests: see `WriterOptions`. */
  readonly pagesMax?: Int32Array<SharedArrayBuffer>;
}

export interface OpenedStore {
  readonly store: SqliteStore;
  /**
   * A damaged store lay there, which was set aside, in this life or an earlier one: this one is being refilled. So it is
   * in every life until `endRefilling`.
   */
  readonly setAside: SetAside | undefined;
}

/**
 * Open the file `orders.sqlite` in `dir`, or make an empty one: the log, or a copy, refills it. What is damaged is set
 * aside first. Throws `OperatingFailure("wrong-data")` if the directory is in use, or the file not this replica's. A
 * full disk is waited for.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<OpenedStore> {
  const lock = lockDirectory(options.dir);
  try {
    const left = damageLeft(options.dir);
    if (left !== undefined) return await openAnew(options, lock, new StoreDamage(left));
    try {
      return { store: await openFile(options, lock), setAside: stillRefilling(options.dir) };
    } catch (error) {
      if (!(error instanceof StoreDamage)) throw error;
      return await openAnew(options, lock, error);
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openAnew(
  options: SqliteStoreOptions,
  lock: DirectoryLock,
  damage: StoreDamage,
): Promise<OpenedStore> {
  if (options.create) throw damage;
  const setAside = renameAside(options.dir, damage);
  return { store: await openFile(options, lock), setAside: setAside ?? stillRefilling(options.dir) };
}

async function openFile(options: SqliteStoreOptions, lock: DirectoryLock): Promise<SqliteStore> {
  const { dir, identity, create, onFatal, onFull = () => {}, pagesMax } = options;
  const { checkpointPages = 4_096, retryMs = 250, freezeIdleMs = 30_000 } = options;
  const file = storeFile(dir);
  const writerOptions = {
    file,
    identity,
    create,
    checkpointPages,
    retryMs,
    ...(pagesMax !== undefined && { pagesMax }),
  };
  const { thread, index, copying } = await WriteThread.open(writerOptions, onFull);
  let store: SqliteStore | undefined;
  const reader = new ReadThread(file, (failure) => store?.fail(failure));
  try {
    await reader.request<"verify">({ kind: "verify" });
  } catch (error) {
    await reader.close();
    await thread.close();
    throw error;
  }
  store = new SqliteStore({
    dir,
    writer: thread,
    reader,
    index,
    copying,
    lock,
    freezeIdleMs,
    onFatal,
    onFull,
  });
  return store;
}
