/** The file of one replica: how it is opened, and what makes it the wrong file. Its tables are in schema.ts. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import Database from "better-sqlite3";
import { assert } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import { StoreDamage } from "./damage.ts";
import { applicationId, formatVersion, schema } from "./schema.ts";

/** Whose file it is. */
export interface Identity {
  readonly cluster: string;
  readonly replica: number;
}

export interface DatabaseOptions {
  readonly file: string;
  readonly identity: Identity;
  /** The cluster is being created: a file with a state in it does not belong here. */
  readonly create: boolean;
  readonly checkpointPages: number;
}

/** SQLite 3.7.0 to 3.51.2 can corrupt a database in WAL mode when a reset races with a second connection. */
const sqliteVersionMin = [3, 51, 3] as const;

/** Page caches, KiB. They bound the memory; the operating system caches the file behind them. */
const cacheKiB = { writer: 16_384, reader: 4_096 } as const;

const pageBytes = 4_096;

/**
 * Open the replica's file for its one writer, making it if it is missing. Throws `StoreDamage` for a file that is
 * damaged, `OperatingFailure("wrong-data")` for one of another format or not this replica's, and SQLite's own errors.
 */
export function openForWriting(options: DatabaseOptions): Database.Database {
  const { file, checkpointPages } = options;
  refuseForeignBytes(file);
  const database = new Database(file, { timeout: 5_000 });
  try {
    assertVersion(database);
    // The header is checked before anything is written: a foreign file stays as it was.
    const empty = checkHeader(database, file);
    database.pragma("journal_mode = WAL");
    // A transaction is durable when it is committed. There is one for all that gathered meanwhile, so they are few,
    // and its number needs no second step to be true.
    database.pragma("synchronous = FULL");
    // SQLite passes over a checkpoint that fails, for lack of space say: the next transaction tries it again.
    database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
    // What the write-ahead log grew to while it could not be checkpointed is given back when it begins anew.
    database.pragma(`journal_size_limit = ${2 * checkpointPages * pageBytes}`);
    bound(database, cacheKiB.writer);
    if (empty) found(database, options.identity);
    else checkIdentity(database, options);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A second connection for reads, beside a writer that has opened the file before. */
export function openForReading(file: string): Database.Database {
  const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  bound(database, cacheKiB.reader);
  return database;
}

function bound(database: Database.Database, cache: number): void {
  database.pragma(`cache_size = -${cache}`);
  database.pragma("mmap_size = 0");
  database.pragma("temp_store = MEMORY");
}

function assertVersion(database: Database.Database): void {
  const version = String(database.prepare("SELECT sqlite_version()").pluck().get());
  const parts = version.split(".").map(Number);
  const differing = sqliteVersionMin.findIndex((least, i) => parts[i] !== least);
  const recent = differing < 0 || (parts[differing] ?? 0) > (sqliteVersionMin[differing] ?? 0);
  assert(recent, `SQLite ${version} can corrupt its files; at least ${sqliteVersionMin.join(".")} is needed`);
}

const wrongData = (message: string): OperatingFailure => new OperatingFailure("wrong-data", message);

/** SQLite takes a file of fewer than 100 bytes for an empty one and would write over it; a database has 512 or more. */
function refuseForeignBytes(file: string): void {
  if (!existsSync(file)) return;
  const start = Buffer.alloc(16);
  const handle = openSync(file, "r");
  try {
    readSync(handle, start);
    const { size } = fstatSync(handle);
    if (size === 0 || (size >= 512 && start.toString("latin1") === "SQLite format 3\0")) return;
  } finally {
    closeSync(handle);
  }
  throw new StoreDamage(`${file} is damaged or no SQLite database`);
}

/** True if the database is new and without a table. */
function checkHeader(database: Database.Database, file: string): boolean {
  const id = Number(database.pragma("application_id", { simple: true }));
  const version = Number(database.pragma("user_version", { simple: true }));
  const tables = Number(database.prepare("SELECT count(*) FROM sqlite_schema").pluck().get());
  if (tables === 0 && id === 0 && version === 0) return true;
  if (id !== applicationId) {
    throw wrongData(`${file} is an SQLite database, but not a replica's. Use another data directory.`);
  }
  if (version !== formatVersion) {
    throw wrongData(
      `${file} has format ${version}, this program reads and writes format ${formatVersion}. ` +
        "Use the program that wrote it, or another data directory.",
    );
  }
  return false;
}

function found(database: Database.Database, identity: Identity): void {
  database.transaction(() => {
    database.exec(schema);
    database.pragma(`application_id = ${applicationId}`);
    database.pragma(`user_version = ${formatVersion}`);
    database
      .prepare("INSERT INTO market (one, cluster, replica) VALUES (1, ?, ?)")
      .run(identity.cluster, identity.replica);
  })();
}

function checkIdentity(database: Database.Database, { file, identity, create }: DatabaseOptions): void {
  const row = database.prepare("SELECT cluster, replica FROM market").get() as Identity | undefined;
  if (row === undefined) throw new StoreDamage(`${file} is damaged: it does not say whose it is`);
  if (row.cluster !== identity.cluster || row.replica !== identity.replica) {
    throw wrongData(
      `${file} belongs to replica ${row.replica} of cluster ${row.cluster}, not to replica ` +
        `${identity.replica} of cluster ${identity.cluster}. Use the data directory that is this replica's.`,
    );
  }
  const index = database.prepare("SELECT log_index FROM state").pluck().get();
  if (create && index !== undefined) {
    throw wrongData(
      `${file} has a state already (log index ${String(index)}), but its cluster is only being created. ` +
        "Use an empty data directory.",
    );
  }
}
