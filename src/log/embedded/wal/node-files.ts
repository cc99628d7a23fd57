/** The write-ahead log's files on a real disk. */
import * as fs from "node:fs";
import { promises } from "node:fs";
import type { Done, WalFile, WalFiles } from "./files.ts";

class NodeFile implements WalFile {
  readonly #handle: number;

  constructor(handle: number) {
    this.#handle = handle;
  }

  pwrite(bytes: Uint8Array, offset: number, length: number, position: number, done: Done): void {
    fs.write(this.#handle, bytes, offset, length, position, (error, count) => {
      if (error !== null) done(error);
      else if (count === length) done(null);
      // The system may write less than asked: the rest follows, and an error shows itself then.
      else if (count > 0) this.pwrite(bytes, offset + count, length - count, position + count, done);
      else done(new Error(`a write of ${length} bytes at ${position} wrote nothing`));
    });
  }

  fdatasync(done: Done): void {
    fs.fdatasync(this.#handle, done);
  }

  async pread(into: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    let count = 0;
    while (count < length) {
      const more = await new Promise<number>((resolve, reject) => {
        fs.read(this.#handle, into, offset + count, length - count, position + count, (error, bytes) =>
          error === null ? resolve(bytes) : reject(error),
        );
      });
      if (more === 0) break;
      count += more;
    }
    return count;
  }

  size(): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#handle, (error, stats) => (error === null ? resolve(stats.size) : reject(error)));
    });
  }

  fsync(): Promise<void> {
    return settled((done) => fs.fsync(this.#handle, done));
  }

  close(): Promise<void> {
    return settled((done) => fs.close(this.#handle, done));
  }
}

function settled(start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null || error === undefined ? resolve() : reject(error)));
  });
}

export const nodeFiles: WalFiles = {
  async makeDirectory(path) {
    await promises.mkdir(path, { recursive: true });
  },

  async list(path) {
    try {
      return await promises.readdir(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  },

  open(path, how) {
    return new Promise((resolve, reject) => {
      fs.open(path, how === "new" ? "wx+" : "r+", (error, handle) =>
        error === null ? resolve(new NodeFile(handle)) : reject(error),
      );
    });
  },

  rename: (from, to) => promises.rename(from, to),

  remove: (path) => promises.rm(path, { force: true }),

  async syncDirectory(path) {
    const directory = await promises.open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },

  async freeBytes(path) {
    const { bavail, blocks, bsize } = await promises.statfs(path);
    // Some file systems of others' making do not say how large they are.
    return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
  },
};
