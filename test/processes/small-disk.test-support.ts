/** A file system of a few megabytes, in memory, that a test fills and frees again. Only root may mount one. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const mountWords = (path: string, mebibytes: number): string[] => {
  return ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "bazaar-test", path];
};

/** For `skip`: false where a disk can be mounted, else why not. */
export const cannotMount: string | false =
  process.platform === "linux" && process.getuid?.() === 0
    ? false
    : `needs Linux and root, for: mount ${mountWords("DIR", 8).join(" ")}`;

/** Unmounts when its standard input ends: at the latest with this process, however that ends. */
const unmountAtEnd = 'cat > /dev/null; umount --lazy "$0"; rmdir "$0"';

export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), "bazaar-disk-"));
  readonly #warden: ChildProcess;

  constructor(mebibytes: number) {
    try {
      execFileSync("mount", mountWords(this.path, mebibytes));
    } catch (error) {
      rmdirSync(this.path);
      throw error;
    }
    // A signal to this process and all that it has started must not reach it.
    this.#warden = spawn("sh", ["-c", unmountAtEnd, this.path], {
      detached: true,
      stdio: ["pipe", "ignore", "inherit"],
    });
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Write a file that leaves about so many bytes. */
  fill(leave: number): void {
    const handle = openSync(this.#filler, "a");
    try {
      for (let bytes = this.freeBytes - leave; bytes > 0; bytes = this.freeBytes - leave) {
        writeSync(handle, Buffer.alloc(Math.min(bytes, 1024 * 1024), 1));
      }
    } finally {
      closeSync(handle);
    }
  }

  /** Delete that file. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  get #filler(): string {
    return join(this.path, "filler");
  }

  /** Also if it is in use still. */
  async unmount(): Promise<void> {
    const ended = once(this.#warden, "exit");
    this.#warden.stdin?.end();
    await ended;
  }
}
