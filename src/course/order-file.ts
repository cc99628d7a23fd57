/**
 * The files of the published protocol: text, appended to or written whole, and never synced. A crash of the machine
 * loses what the system had not written yet, a kill may tear the last write. The simulator has files of its own.
 */
import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Writes happen one after the other, in the order in which they were asked for. */
export interface CourseFiles {
  /** The whole text; empty if there is no such file. */
  read(name: string): Promise<string>;
  /** Resolves when the operating system has it, which is not yet the disk. */
  append(name: string, line: string): Promise<void>;
  replace(name: string, text: string): Promise<void>;
}

/** The files in a directory, which is made if it is not there. */
export function filesIn(directory: string): CourseFiles {
  let last: Promise<unknown> = mkdir(directory, { recursive: true, mode: 0o700 });
  const next = <T>(write: () => Promise<T>): Promise<T> => {
    const written = last.then(write);
    // Who asked for the failed write is told; the next is tried nevertheless.
    last = written.catch(() => undefined);
    return written;
  };
  const options = { mode: 0o600 };
  return {
    read: (name) =>
      next(() => readFile(join(directory, name), "utf8")).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return "";
        throw error;
      }),
    append: (name, line) => next(() => appendFile(join(directory, name), `${line}\n`, options)),
    replace: (name, text) => next(() => writeFile(join(directory, name), text, options)),
  };
}

/** The lines of a text that are JSON, and how many are not, such as one that a kill has torn. */
export function readLines<T>(text: string): { readonly lines: readonly T[]; readonly torn: number } {
  const lines: T[] = [];
  let torn = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      lines.push(JSON.parse(line) as T);
    } catch {
      torn++;
    }
  }
  return { lines, torn };
}
