/** A file's name is durable when its directory is: after a file was made, renamed or removed. */
import { closeSync, fsyncSync, openSync } from "node:fs";

export function syncDirectory(dir: string): void {
  const handle = openSync(dir, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
