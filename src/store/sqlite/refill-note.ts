/**
 * A note beside the database: what lay there was set aside, and another is being refilled. It is durable before anything
 * is renamed and goes when the refilling has ended, so that every life in between knows of it, however the one before
 * ended. It is for telling people only: nothing depends on what it says, and one that cannot be read says at least that
 * there was something.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { syncDirectory } from "./sync-directory.ts";

/** What was found, and under which name the damaged file now lies, if that is known. */
export interface SetAside {
  readonly reason: string;
  readonly file: string | undefined;
}

const noteOf = (file: string): string => `${file}.refilling`;

/** Where a database is set aside: `n` is the first that is free. */
export const asideName = (file: string, n: number): string => `${file}.set-aside-${n}`;

/** Leave the note for the database `file`, in place of an earlier one. */
export function writeNote(
  file: string,
  { reason, file: aside }: { readonly reason: string; readonly file: string },
): void {
  try {
    writeFileSync(noteOf(file), JSON.stringify({ reason, name: basename(aside) }), { flush: true });
    syncDirectory(dirname(file));
  } catch {
    // The disk is full, or worse. Only the telling is lost: the database must be replaced all the same.
  }
}

/** What the note of the database `file` says; `undefined` if there is none. */
export function readNote(file: string): SetAside | undefined {
  const note = noteOf(file);
  if (!existsSync(note)) return undefined;
  return parseNote(file, note) ?? { reason: `${note} is there, but cannot be read`, file: undefined };
}

function parseNote(file: string, note: string): SetAside | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(note, "utf8"));
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const { reason, name } = parsed as Record<string, unknown>;
    if (typeof reason !== "string" || typeof name !== "string") return undefined;
    const number = Number(/\.set-aside-(\d{1,9})$/.exec(name)?.[1]);
    const aside = asideName(file, number);
    return basename(aside) === name ? { reason, file: join(dirname(file), name) } : undefined;
  } catch {
    return undefined;
  }
}

/** The refilling has ended. Where the note cannot be removed, the next life tells it once more. */
export function removeNote(file: string): void {
  try {
    rmSync(noteOf(file), { force: true });
    syncDirectory(dirname(file));
  } catch {
    // See the contract.
  }
}
