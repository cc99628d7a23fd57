/**
 * A file system in memory that can be made full and have room again, at once and without a byte being written: its size
 * is set. Only root may mount one.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmdirSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bytesPerKibibyte = 1024;

function mountWords(path: string, kibibytes: number): string[] {
  return ["-t", "tmpfs", "-o", `size=${kibibytes}k`, "bazaar-disk", path];
}

/** False where a disk can be mounted, else why not. */
export const cannotMount: string | false =
  process.platform === "linux" && process.getuid?.() === 0
    ? false
    : `needs Linux and root, for: mount ${mountWords("DIR", 8_192).join(" ")}`;

/** Unmounts when its standard input ends: at the latest with this process, however that ends. */
const unmountAtEnd = 'cat > /dev/null; umount --lazy "$0"; rmdir "$0"';

export class SmallDisk {
  readonly path = mkdtempSync(join(tmpdir(), "bazaar-disk-"));
  readonly #warden: ChildProcess;
  readonly #kibibytes: number;

  constructor(mebibytes: number) {
    this.#kibibytes = mebibytes * 1024;
    try {
      execFileSync("mount", mountWords(this.path, this.#kibibytes));
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

  /** Leave about so many bytes. */
  fill(leave: number): void {
    // Whoever writes meanwhile makes the new size too small, which is refused: then it is tried again.
    for (let tries = 1; ; tries++) {
      const { blocks, bfree, bsize } = statfsSync(this.path);
      const used = (blocks - bfree) * bsize;
      const spare = tries === 1 ? 0 : bsize * 2 ** tries;
      const kibibytes = Math.ceil((used + leave + spare) / bytesPerKibibyte);
      try {
        return this.#resize(Math.min(kibibytes, this.#kibibytes));
      } catch (error) {
        if (tries === fillTriesMax) throw error;
      }
    }
  }

  /** Have all the room again. */
  free(): void {
    this.#resize(this.#kibibytes);
  }

  #resize(kibibytes: number): void {
    execFileSync("mount", ["-o", `remount,size=${kibibytes}k`, this.path], { stdio: "pipe" });
  }

  /** Also if it is in use still. */
  async unmount(): Promise<void> {
    if (this.#warden.exitCode !== null) return;
    const ended = once(this.#warden, "exit");
    this.#warden.stdin?.end();
    await ended;
  }
}

const fillTriesMax = 10;
