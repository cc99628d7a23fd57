/**
 * Files that are either wholly there or not at all, also after a power cut: written beside their place, made
 * durable, renamed into it, and the folder's entry made durable too.
 */
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export function syncDirectory(directory: string): void {
  const handle = openSync(directory, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** `mode` is what the file has from its first moment on: a secret is never readable by others. */
export function writeDurably(path: string, content: string, mode = 0o600): void {
  const temporary = `${path}.tmp`;
  const handle = openSync(temporary, "w", mode);
  try {
    writeFileSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}
