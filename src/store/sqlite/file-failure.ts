/** What an error of SQLite means for the replica. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { OperatingFailure } from "../../base/failure.ts";
import { StoreDamage } from "./damage.ts";

/** An error of the disk while less than this is free is for lack of space. */
const freeBytesMin = 1024 * 1024;

/**
 * The failure that an error of SQLite is; any other error is returned as it is. While the file is being opened, a table
 * that is missing is damage; later, when all tables were there, it is something else.
 */
export function fileFailure(file: string, error: unknown, opening: boolean): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  if (error.code === "SQLITE_NOTADB" || error.code.startsWith("SQLITE_CORRUPT")) {
    return new StoreDamage(`${file} is damaged (${error.message})`, error);
  }
  if (error.code === "SQLITE_ERROR" && opening) {
    return new StoreDamage(
      `${file} is damaged: it lacks what its format says is in it (${error.message})`,
      error,
    );
  }
  return new OperatingFailure("storage", `${file}: ${error.code}: ${error.message}`, { cause: error });
}

/**
 * Whether the error says that there is no space: the same may succeed when there is. A failed sync is never taken for
 * that, for nobody knows what it left on the disk.
 */
export function isFull(file: string, error: unknown): boolean {
  if (!(error instanceof Database.SqliteError)) return false;
  if (error.code === "SQLITE_FULL") return true;
  if (!error.code.startsWith("SQLITE_IOERR") || error.code.endsWith("FSYNC")) return false;
  const { bavail, bsize } = statfsSync(dirname(file));
  return bavail * bsize < freeBytesMin;
}
