/**
 * What a process writes to its standard output and error, in a file of bounded size: a full one is kept once as
 * `<name>.log.1`, and the file begins anew. The last lines are held in memory too, because when a process fails,
 * they are what the operator wants to see.
 */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

const fileBytesMax = 4 * 1024 * 1024;
const tailBytesMax = 2_048;

export class ProcessLog {
  readonly path: string;
  #handle: number;
  #bytes: number;
  #tail = "";

  constructor(path: string) {
    this.path = path;
    this.#handle = openSync(path, "a", 0o600);
    this.#bytes = fstatSync(this.#handle).size;
  }

  /** A full disk must not stop the supervisor: what cannot be written is dropped. */
  write(chunk: Buffer): void {
    this.#tail = (this.#tail + chunk.toString("utf8")).slice(-tailBytesMax);
    try {
      if (this.#bytes + chunk.length > fileBytesMax) this.#rotate();
      this.#bytes += writeSync(this.#handle, chunk);
    } catch {
      // See the contract.
    }
  }

  /** A line of the supervisor's own, so that the file shows where one life of the process ends. */
  note(text: string): void {
    this.write(Buffer.from(`--- ${new Date().toISOString()} ${text}\n`));
  }

  /** Forget the lines of an earlier life. */
  clearTail(): void {
    this.#tail = "";
  }

  /** The last lines, without the supervisor's own. */
  lastLines(count: number): readonly string[] {
    const lines = this.#tail.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("--- "));
    return lines.slice(-count);
  }

  #rotate(): void {
    closeSync(this.#handle);
    renameSync(this.path, `${this.path}.1`);
    this.#handle = openSync(this.path, "a", 0o600);
    this.#bytes = 0;
  }

  close(): void {
    closeSync(this.#handle);
  }
}
