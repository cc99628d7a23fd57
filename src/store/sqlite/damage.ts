/**
 * A file that is damaged, and what becomes of it. Nothing in it is worth a replica's halt: the log and the other
 * replicas have all of it. So it is set aside under another name, for people to look at, and an empty one takes its
 * place, which the log or a copy refills. It is never mended and never deleted.
 *
 * Damage that shows while the store is in use cannot be set aside at once, for threads have the file open. Then a
 * *mark* beside the file says so, the process stops, and its next life sets the file aside before it opens anything.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { OperatingFailure } from "../../base/failure.ts";
import { lockDirectory } from "./directory-lock.ts";

/** The file is damaged: it is no database, pages of it are wrong, or its tables contradict each other. */
export class StoreDamage extends OperatingFailure {
  constructor(message: string, cause?: unknown) {
    super("wrong-data", message, { cause });
  }
}

/** What was found, and under which name the damaged file now lies. */
export interface SetAside {
  readonly reason: string;
  readonly file: string;
}

/** The file of the store in `dir`. */
export const storeFile = (dir: string): string => join(dir, "orders.sqlite");

const markFile = (dir: string): string => `${storeFile(dir)}.damaged`;

/** SQLite's own beside the database: its write-ahead log, and the index of that. */
const companions = ["-wal", "-shm"] as const;

/** Why the store must be set aside before it is opened, as an earlier life left it; `undefined` if it need not. */
export function damageLeft(dir: string): string | undefined {
  const mark = markFile(dir);
  if (existsSync(mark)) return readFileSync(mark, "utf8") || "it was found damaged";
  const file = storeFile(dir);
  if (sizeOf(file) === 0 && sizeOf(`${file}-wal`) > 0) {
    return `${file} is missing or empty, but its write-ahead log is there`;
  }
  return undefined;
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Leave the mark, durably: the next start sets the file aside. */
export function leaveMark(dir: string, damage: StoreDamage): void {
  try {
    writeFileSync(markFile(dir), damage.message, { flush: true });
    syncDirectory(dir);
  } catch {
    // The disk is worse than that. The damage itself is told, and whoever reads on finds it again.
  }
}

/**
 * Set the store in `dir` aside, whatever is wrong with it: the next start makes an empty one. `undefined` if there is
 * none. Throws `OperatingFailure("wrong-data")` if the directory is in use.
 */
export function setStoreAside(dir: string): SetAside | undefined {
  const lock = lockDirectory(dir);
  try {
    return renameAside(dir, "it was set aside by request");
  } finally {
    lock.release();
  }
}

/**
 * The same for an owner of the directory's lock. The database goes first: if a crash comes in between, its write-ahead
 * log without it is no database, while it without its write-ahead log could pass for one. The mark goes last.
 */
export function renameAside(dir: string, reason: string): SetAside | undefined {
  const file = storeFile(dir);
  const target = freeName(file);
  let any = false;
  for (const suffix of ["", ...companions]) {
    if (!existsSync(file + suffix)) continue;
    renameSync(file + suffix, target + suffix);
    any = true;
  }
  syncDirectory(dir);
  if (existsSync(markFile(dir))) {
    rmSync(markFile(dir));
    syncDirectory(dir);
  }
  return any ? { reason, file: target } : undefined;
}

function freeName(file: string): string {
  for (let n = 1; ; n++) {
    const name = `${file}.set-aside-${n}`;
    if (["", ...companions].every((suffix) => !existsSync(name + suffix))) return name;
  }
}

function syncDirectory(dir: string): void {
  const handle = openSync(dir, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
