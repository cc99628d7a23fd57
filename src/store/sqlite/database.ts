/**
 * The file of one replica: its tables, how it is opened, and what makes it the wrong file.
 *
 * The tables are for people too. What a person would ask for is a plain column; lists are JSON; hashes and keys are
 * hexadecimal or 16-byte blobs whose `hex()` reads the same. Three choices are for speed:
 *
 * - Which orders have a line of an item is kept in `item_orders`, up to some hundred ascending order numbers in one
 *   row. A row per line costs as much as the order itself; this costs a tenth of it. The view `order_items` unfolds it.
 * - Keys are random, so each is a random place in an index: the smaller the index, the fewer pages every transaction
 *   changes. It holds only a key's first four bytes. A key may be answered again after its lifetime: the newest counts.
 * - `market` is apart from `state` because `state` is rewritten by every transaction, and a definition may be long.
 */
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import Database from "better-sqlite3";
import { assert } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";

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
}

/** "BAZA": lets `file` and SQLite tell our database from any other. */
const applicationId = 0x42415a41;
const formatVersion = 1;

/** SQLite 3.7.0 to 3.51.2 can corrupt a database in WAL mode when a reset races with a second connection. */
const sqliteVersionMin = [3, 51, 3] as const;

/** Page caches, KiB. They bound the memory; the operating system caches the file behind them. */
const cacheKiB = { writer: 16_384, reader: 4_096 } as const;

/**
 * Pages in the write-ahead log at which a commit also copies them into the database: 16 MiB. A page that many
 * transactions change is then copied once, and a restart has little to recover.
 */
const checkpointPages = 4_096;

const schema = `
CREATE TABLE market (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  cluster TEXT NOT NULL,
  replica INTEGER NOT NULL,
  definition TEXT
) STRICT;
CREATE TABLE state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  log_index INTEGER NOT NULL,
  position INTEGER NOT NULL,
  ticks INTEGER NOT NULL,
  next_order INTEGER NOT NULL,
  next_item INTEGER NOT NULL,
  hash TEXT NOT NULL,
  hashes TEXT NOT NULL
) STRICT;
CREATE TABLE items (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  title TEXT,
  topic TEXT,
  price_minor INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  volume INTEGER NOT NULL,
  supplied INTEGER NOT NULL,
  changed INTEGER NOT NULL
) STRICT;
CREATE TABLE orders (
  number INTEGER PRIMARY KEY,
  position INTEGER NOT NULL,
  side TEXT NOT NULL,
  status TEXT NOT NULL,
  shape TEXT NOT NULL,
  lines TEXT NOT NULL,
  total_minor INTEGER NOT NULL,
  reference TEXT,
  customer TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX orders_by_reference ON orders (reference) WHERE reference IS NOT NULL;
CREATE INDEX orders_by_customer ON orders (customer) WHERE customer IS NOT NULL;
CREATE TABLE item_orders (
  item INTEGER NOT NULL,
  first INTEGER NOT NULL,
  numbers TEXT NOT NULL,
  PRIMARY KEY (item, first)
) STRICT, WITHOUT ROWID;
CREATE VIEW order_items AS
  SELECT item, value AS number FROM item_orders, json_each(item_orders.numbers);
CREATE TABLE answers (
  position INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  body BLOB NOT NULL,
  tick INTEGER NOT NULL,
  order_number INTEGER,
  reply TEXT
) STRICT;
CREATE INDEX answers_by_key ON answers (substr(key, 1, 4));
CREATE TABLE sessions (
  session INTEGER PRIMARY KEY,
  below INTEGER NOT NULL,
  open TEXT NOT NULL,
  tick INTEGER NOT NULL
) STRICT;
CREATE TABLE session_answers (
  session INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  position INTEGER NOT NULL,
  body BLOB NOT NULL,
  tick INTEGER NOT NULL,
  order_number INTEGER,
  reply TEXT,
  PRIMARY KEY (session, sequence)
) STRICT, WITHOUT ROWID;
`;

/**
 * Open the replica's file for its one writer, making it if it is missing. Throws `OperatingFailure("wrong-data")` for
 * a file that is damaged, of another format, or not this replica's.
 */
export function openForWriting(options: DatabaseOptions): Database.Database {
  const { file } = options;
  refuseForeignBytes(file);
  return translated(file, () => {
    const database = new Database(file, { timeout: 5_000 });
    try {
      assertVersion(database);
      // The header is checked before anything is written: a foreign file stays as it was.
      const empty = checkHeader(database, file);
      database.pragma("journal_mode = WAL");
      // A transaction is durable when it is committed. There is one for all that gathered meanwhile, so they are few,
      // and its number needs no second step to be true.
      database.pragma("synchronous = FULL");
      database.pragma(`wal_autocheckpoint = ${checkpointPages}`);
      bound(database, cacheKiB.writer);
      if (empty) found(database, options.identity);
      else checkIdentity(database, options);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** A second connection for reads, beside a writer that has opened the file before. */
export function openForReading(file: string): Database.Database {
  return translated(file, () => {
    const database = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
    bound(database, cacheKiB.reader);
    return database;
  });
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

const wrongData = (message: string, cause?: unknown): OperatingFailure =>
  new OperatingFailure("wrong-data", message, { cause });

/** SQLite takes a file of fewer than 100 bytes for an empty one and would write over it. */
function refuseForeignBytes(file: string): void {
  if (!existsSync(file)) return;
  const start = Buffer.alloc(16);
  const handle = openSync(file, "r");
  try {
    const length = readSync(handle, start);
    if (length === 0 || start.toString("latin1") === "SQLite format 3\0") return;
  } finally {
    closeSync(handle);
  }
  throw wrongData(`${file} is damaged or no SQLite database. ${repair}`);
}

/** What to do about a damaged file: the log and the other replicas have all that was in it. */
const repair =
  "Move it away and start again: the replica then rebuilds it from the log, or as a new member from the others.";

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
  if (row === undefined) throw wrongData(`${file} is damaged: it does not say whose it is. ${repair}`);
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

/** Run `open`, and say in words what SQLite found wrong with the file. */
function translated<T>(file: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw fileFailure(file, error);
  }
}

/** What an error of SQLite means for the replica; any other error is returned as it is. */
export function fileFailure(file: string, error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  if (error.code === "SQLITE_NOTADB" || error.code.startsWith("SQLITE_CORRUPT")) {
    return wrongData(`${file} is damaged (${error.message}). ${repair}`, error);
  }
  if (error.code === "SQLITE_ERROR") {
    return wrongData(`${file} lacks what its format says is in it (${error.message}). ${repair}`, error);
  }
  return new OperatingFailure("storage", `${file}: ${error.code}: ${error.message}`, { cause: error });
}
