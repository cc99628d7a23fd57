/**
 * Writes the history that `bazaar verify` reads (its format is described there). Lines are gathered and written in
 * chunks; when the disk does not keep up, recording shoppers wait, so memory stays bounded and no line is lost.
 */
import { type FileHandle, open } from "node:fs/promises";

/** Gathered before a write. */
const chunkCharacters = 256 * 1024;
/** Gathered while a write is under way; beyond it `add` makes its caller wait. */
const waitingCharactersMax = 16 * 1024 * 1024;

/** One line. Fields that do not apply are left out. */
export interface RecordedOperation {
  readonly client: number;
  readonly op: "order" | "read" | "query" | "list";
  readonly start: number;
  readonly end: number | null;
  readonly item?: string | undefined;
  readonly side?: "buy" | "sell" | undefined;
  readonly quantity?: number | undefined;
  readonly key?: string | undefined;
  readonly status: number | null;
  readonly position?: number | undefined;
  readonly number?: number | undefined;
  readonly value?: {
    readonly quantity?: number | undefined;
    readonly volume?: number | undefined;
    readonly priceMinor?: number | undefined;
  };
  readonly reason?: string | undefined;
  /** Of a list. */
  readonly rows?:
    | readonly {
        readonly item: string;
        readonly quantity: number;
        readonly volume: number;
        readonly priceMinor: number;
      }[]
    | undefined;
}

export interface RecordedHeader {
  readonly complete: boolean;
  /** The service tells none. */
  readonly positions?: false;
  readonly initial?: readonly {
    readonly item: string;
    readonly quantity: number;
    readonly volume: number;
    readonly priceMinor: number;
  }[];
}

export class Recorder {
  readonly #file: FileHandle;
  #waiting = "";
  #writing: Promise<void> | undefined;
  #failure: unknown;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string, header: RecordedHeader): Promise<Recorder> {
    const recorder = new Recorder(await open(path, "w"));
    recorder.#waiting = `${JSON.stringify(header)}\n`;
    return recorder;
  }

  /** Returns a promise only when the caller must wait. Rejects when the file cannot be written. */
  add(operation: RecordedOperation): Promise<void> | undefined {
    this.#waiting += `${JSON.stringify(operation)}\n`;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waiting.length >= chunkCharacters && this.#writing === undefined) {
      this.#writing = this.#write();
    }
    return this.#waiting.length > waitingCharactersMax ? this.#writing : undefined;
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length >= chunkCharacters) {
        const chunk = this.#waiting;
        this.#waiting = "";
        await this.#file.write(chunk);
      }
    } catch (error) {
      // Nobody may be waiting for this write: the next `add`, or `close`, tells.
      this.#failure = error;
    } finally {
      this.#writing = undefined;
    }
  }

  async close(): Promise<void> {
    try {
      await this.#writing;
      if (this.#failure !== undefined) throw this.#failure;
      await this.#file.write(this.#waiting);
      this.#waiting = "";
    } finally {
      await this.#file.close();
    }
  }
}
