/** The store's end of the writer's thread: it opens the file, then writes one group at a time. */
import { Worker } from "node:worker_threads";
import { assert, unreachable } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import type { LogIndex } from "../../base/units.ts";
import type { DatabaseOptions } from "./database.ts";
import { type GroupMessage, threadLimits, type WriterMessage, type WriterReport } from "./messages.ts";

/** Who hears of what the thread did. */
export interface WriteListener {
  /** The group under way is durable. */
  written(): void;
  /** Nothing more will be written. At most once, and not after `close`. */
  failed(failure: OperatingFailure): void;
}

export class WriteThread {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #listener: WriteListener | undefined;
  #failure: OperatingFailure | undefined;
  #writing = false;
  #closing = false;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("message", (report: WriterReport) => this.#receive(report));
    worker.on("error", (cause) => {
      this.#fail(new OperatingFailure("storage", `the writer's thread died: ${String(cause)}`, { cause }));
    });
    this.#exited = new Promise((resolve) => {
      worker.on("exit", () => {
        this.#fail(new OperatingFailure("storage", "the writer's thread ended"));
        resolve();
      });
    });
  }

  /** Start the thread and let it open the file; rejects with its failure. */
  static async open(options: DatabaseOptions): Promise<{ thread: WriteThread; index: LogIndex }> {
    const worker = new Worker(new URL("./writer.ts", import.meta.url), {
      workerData: options,
      resourceLimits: threadLimits,
    });
    const thread = new WriteThread(worker);
    const opened = new Promise<LogIndex>((resolve, reject) => {
      worker.once("message", (report: WriterReport) => {
        if (report.kind === "opened") resolve(report.index);
      });
      thread.#listener = { written: () => {}, failed: reject };
    });
    try {
      return { thread, index: await opened };
    } catch (failure) {
      await thread.#exited;
      throw failure;
    } finally {
      thread.#listener = undefined;
    }
  }

  /** Take over from `open`: a failure since then is told at once. */
  listen(listener: WriteListener): void {
    this.#listener = listener;
    if (this.#failure !== undefined) listener.failed(this.#failure);
  }

  /** One group at a time; `transfer` are the buffers that are handed over. */
  write(group: GroupMessage, transfer: ArrayBuffer[]): void {
    assert(!this.#writing, "a group is under way");
    this.#writing = true;
    this.#post(group, transfer);
  }

  #post(message: WriterMessage, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(report: WriterReport): void {
    switch (report.kind) {
      case "opened":
        return;
      case "written":
        this.#writing = false;
        this.#listener?.written();
        return;
      case "failed":
        this.#fail(new OperatingFailure(report.code, report.message));
        return;
      default:
        unreachable(report);
    }
  }

  #fail(failure: OperatingFailure): void {
    if (this.#closing || this.#failure !== undefined) return;
    this.#failure = failure;
    this.#listener?.failed(failure);
  }

  /** The group under way, if any, is written first. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#post({ kind: "close" }, []);
    await this.#exited;
  }
}
