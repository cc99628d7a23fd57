/**
 * The few file operations that the write-ahead log needs, as a port: production runs on `node-files.ts`, tests and
 * the simulator on `crash-files.ts`, which loses what was not synced.
 *
 * What the log relies on: a sector of 512 bytes is written wholly or not at all; after a successful `fdatasync` what
 * was written to the file before it survives; before it, any subset of the sectors may. A name that was created,
 * renamed or removed is certain only after `syncDirectory`. The two hot operations take callbacks, because a promise
 * for each would be most of what they cost.
 */

export type Done = (error: Error | null) => void;

export interface WalFile {
  /** Write `length` bytes of `bytes` from `offset` on at `position`: all of them, or `done` has an error. */
  pwrite(bytes: Uint8Array, offset: number, length: number, position: number, done: Done): void;
  fdatasync(done: Done): void;
  /** The number of bytes read; fewer than asked for only at the end of the file. */
  pread(into: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  size(): Promise<number>;
  /** For a file that is new: its data, its length and what else it needs to be found whole. */
  fsync(): Promise<void>;
  close(): Promise<void>;
}

export interface WalFiles {
  /** With its parents; no error if it is there. */
  makeDirectory(path: string): Promise<void>;
  /** The names in a directory, of files and directories; none if there is no such directory. */
  list(path: string): Promise<readonly string[]>;
  /** For reading and writing. `new` fails if the file exists, `existing` if it does not. */
  open(path: string, how: "existing" | "new"): Promise<WalFile>;
  /** Files and directories. */
  rename(from: string, to: string): Promise<void>;
  /** No error if there is no such file. */
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** How many bytes this process may still write to the disk that has `path`; infinite if nobody knows. */
  freeBytes(path: string): Promise<number>;
}

/** `pwrite` off the hot path. */
export function written(file: WalFile, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    file.pwrite(bytes, 0, bytes.length, position, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** `fdatasync` off the hot path. */
export function synced(file: WalFile): Promise<void> {
  return new Promise((resolve, reject) => {
    file.fdatasync((error) => (error === null ? resolve() : reject(error)));
  });
}

/** Open, use, close, also when the use fails. */
export async function withFile<T>(
  files: WalFiles,
  path: string,
  use: (file: WalFile) => Promise<T>,
): Promise<T> {
  const file = await files.open(path, "existing");
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
