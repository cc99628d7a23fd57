/**
 * One process per data directory. The lock is SQLite's own exclusive lock on a file beside the data, held through an
 * open transaction: the kernel lets go of it when the process ends, however it ends, so there is no stale lock to
 * clear up, and the data files themselves stay open to `sqlite3` and to backups while the system runs.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { OperatingFailure } from "../../base/failure.ts";

export interface DirectoryLock {
  release(): void;
}

/** So that a lock whose owner forgot it is not let go by the garbage collector. */
const held = new Set<Database.Database>();

/**
 * Take the lock of `dir`, which is made if it is missing, or throw `OperatingFailure("wrong-data")` at once if another
 * owner, in this process or any other, has it.
 */
export function lockDirectory(dir: string): DirectoryLock {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, "lock.sqlite");
  const database = new Database(file, { timeout: 0 });
  try {
    database.pragma("locking_mode = EXCLUSIVE");
    // Nothing is ever written, and on a full disk a journal could not be.
    database.pragma("journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if (cause instanceof Database.SqliteError && cause.code.startsWith("SQLITE_BUSY")) {
      throw new OperatingFailure(
        "wrong-data",
        `${dir} is in use by another process. Stop that one first, or use another data directory.`,
        { cause },
      );
    }
    throw new OperatingFailure(
      "wrong-data",
      `${file} cannot be locked: ${String(cause)}. It holds no data: if nothing else runs on ${dir}, delete it.`,
      { cause },
    );
  }
  held.add(database);
  return {
    release: () => {
      held.delete(database);
      database.close();
    },
  };
}
