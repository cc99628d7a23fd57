/**
 * A file that is damaged, and what becomes of it. Nothing in it is worth a replica's halt: the log and the other
 * replicas have all of it. So it is set aside under another name, for people to look at, and an empty one takes its
 * place, which the log or a copy refills. It is never mended and never deleted.
 *
 * Damage that shows while the store is in use cannot be set aside at once, for threads have the file open. Then a
 * *mark* beside the file says so, the process stops, and its next life sets the file aside before it opens anything.
 * The mark is also what an interrupted setting aside is gone on with. From then until the empty file is refilled, the
 * note of `refill-note.ts` says so.
 */
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OperatingFailure } from "../../base/failure.ts";
import { lockDirectory } from "./directory-lock.ts";
import { asideName, readNote, removeNote, type SetAside, writeNote } from "./refill-note.ts";
import { syncDirectory } from "./sync-directory.ts";

/** The file is damaged: it is no database, pages of it are wrong, or its tables contradict each other. */
export class StoreDamage extends OperatingFailure {
  constructor(message: string, cause?: unknown) {
    super("wrong-data", message, { cause });
  }
}

/** The file of the store in `dir`. */
export const storeFile = (dir: string): string => join(dir, "orders.sqlite");

const markFile = (dir: string): string => `${storeFile(dir)}.damaged`;

/** The database, and SQLite's own beside it: its write-ahead log, and the index of that. */
const parts = ["", "-wal", "-shm"] as const;

/** Why the store must be set aside before it is opened, as an earlier life left it; `undefined` if it need not. */
export function damageLeft(dir: string): string | undefined {
  const marked = readMark(dir);
  if (marked !== undefined) return marked || "it was found damaged";
  const file = storeFile(dir);
  if (sizeOf(file) === 0 && sizeOf(`${file}-wal`) > 0) {
    return `${file} is missing or empty, but its write-ahead log is there`;
  }
  return undefined;
}

function readMark(dir: string): string | undefined {
  const mark = markFile(dir);
  return existsSync(mark) ? readFileSync(mark, "utf8") : undefined;
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** Leave the mark, durably: the next start sets the file aside. */
export function leaveMark(dir: string, { message }: StoreDamage): void {
  try {
    writeFileSync(markFile(dir), message, { flush: true });
    syncDirectory(dir);
  } catch {
    // The disk is full, or worse. The damage itself is told, and whoever reads on finds it again.
  }
}

/** What was set aside here in this life or an earlier one, if the store has not been refilled since. */
export const stillRefilling = (dir: string): SetAside | undefined => readNote(storeFile(dir));

/** The store in `dir` holds again, durably, what it is to hold. */
export const endRefilling = (dir: string): void => removeNote(storeFile(dir));

/**
 * Set the store in `dir` aside, whatever is wrong with it: the next start makes an empty one. `undefined` if there is
 * none. Throws `OperatingFailure("wrong-data")` if the directory is in use.
 */
export function setStoreAside(dir: string): SetAside | undefined {
  const lock = lockDirectory(dir);
  try {
    return renameAside(dir, new StoreDamage("it was set aside by request"));
  } finally {
    lock.release();
  }
}

/**
 * The same for an owner of the directory's lock. First come the mark and the note, which the next life needs if this one
 * ends in between. Then the database: its write-ahead log without it is no database, while it without its write-ahead
 * log could pass for one. The mark goes last.
 */
export function renameAside(dir: string, damage: StoreDamage): SetAside | undefined {
  const file = storeFile(dir);
  const lying = parts.filter((suffix) => existsSync(file + suffix));
  const begun = begunBefore(file, damage, lying);
  const setAside = begun ?? { reason: damage.message, file: freeName(file) };
  if (lying.length > 0) {
    // On a full disk a mark that is there could not be written again.
    if (readMark(dir) !== damage.message) leaveMark(dir, damage);
    writeNote(file, setAside);
    for (const suffix of lying) renameSync(file + suffix, setAside.file + suffix);
    syncDirectory(dir);
  }
  if (existsSync(markFile(dir))) {
    rmSync(markFile(dir));
    syncDirectory(dir);
  }
  return begun !== undefined || lying.length > 0 ? setAside : undefined;
}

/** What an earlier life began to set aside for the same reason, if what still lies there is the rest of it. */
function begunBefore(
  file: string,
  { message }: StoreDamage,
  lying: readonly string[],
): { readonly reason: string; readonly file: string } | undefined {
  const { reason, file: aside } = readNote(file) ?? {};
  if (reason !== message || aside === undefined) return undefined;
  return lying.some((suffix) => existsSync(aside + suffix)) ? undefined : { reason, file: aside };
}

function freeName(file: string): string {
  for (let n = 1; ; n++) {
    const name = asideName(file, n);
    if (parts.every((suffix) => !existsSync(name + suffix))) return name;
  }
}
