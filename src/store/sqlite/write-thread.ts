/** The store's end of the writer's thread: it opens the file, then writes one group at a time, or a copy's steps. */
import type { Worker } from "node:worker_threads";
import { assert, present, unreachable } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import type { LogIndex } from "../../base/units.ts";
import {
  type CopyMessage,
  type CopyProgress,
  type GroupMessage,
  reportedFailure,
  type WriterMessage,
  type WriterOptions,
  type WriterReport,
} from "./messages.ts";
import { startThread } from "./thread.ts";

/** Who hears of what the thread did. */
export interface WriteListener {
  /** The group under way is durable. */
  written(): void;
  /** Whether the disk has no space for what is under way, at every change. It is tried again by itself. */
  full(full: boolean): void;
  /** Nothing more will be written. At most once, and not after `close`. */
  failed(failure: OperatingFailure): void;
}

/** What the file held when it was opened. */
interface Opened {
  readonly index: LogIndex;
  readonly copying: boolean;
}

/** How a step of a copy ended. `refused` says why it had no effect but on the progress, which may begin anew. */
export interface CopyStep {
  readonly progress: CopyProgress;
  readonly refused: string | undefined;
}

interface WaitingStep {
  readonly resolve: (step: CopyStep) => void;
  readonly reject: (failure: OperatingFailure) => void;
}

const closed = (): OperatingFailure => new OperatingFailure("unavailable", "the store is closed");

export class WriteThread {
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #onOpened: ((opened: Opened) => void) | undefined;
  #listener: WriteListener | undefined;
  #failure: OperatingFailure | undefined;
  #writing = false;
  /** In the order in which they were sent, which is that of their reports. */
  readonly #steps: WaitingStep[] = [];
  #full = false;
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

  /** Start the thread and let it open the file; rejects with its failure. A full disk is waited for. */
  static async open(
    options: WriterOptions,
    onFull: (full: boolean) => void,
  ): Promise<{ thread: WriteThread } & Opened> {
    const worker = startThread(new URL("./writer.ts", import.meta.url), options);
    const thread = new WriteThread(worker);
    const opened = new Promise<Opened>((resolve, reject) => {
      thread.#onOpened = resolve;
      thread.#listener = { written: () => {}, full: onFull, failed: reject };
    });
    try {
      const { index, copying } = await opened;
      return { thread, index, copying };
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

  /** A step of a copy; rejects if the thread fails or is closed first. */
  step(message: CopyMessage): Promise<CopyStep> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closing) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#steps.push({ resolve, reject });
      this.#post(message, []);
    });
  }

  #post(message: WriterMessage, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
  }

  #receive(report: WriterReport): void {
    if (report.kind === "failed") {
      this.#fail(reportedFailure(report));
      return;
    }
    this.#setFull(report.kind === "full");
    switch (report.kind) {
      case "opened":
        this.#onOpened?.(report);
        return;
      case "full":
        return;
      case "written":
        this.#writing = false;
        this.#listener?.written();
        return;
      case "copied":
        this.#nextStep().resolve({ progress: report.progress, refused: undefined });
        return;
      case "refused":
        this.#nextStep().resolve({ progress: report.progress, refused: report.message });
        return;
      default:
        unreachable(report);
    }
  }

  #nextStep(): WaitingStep {
    return present(this.#steps.shift(), "the step that was reported");
  }

  #setFull(full: boolean): void {
    if (full === this.#full) return;
    this.#full = full;
    this.#listener?.full(full);
  }

  #fail(failure: OperatingFailure): void {
    if (this.#closing || this.#failure !== undefined) return;
    this.#failure = failure;
    for (const { reject } of this.#steps.splice(0)) reject(failure);
    this.#listener?.failed(failure);
  }

  /** What is under way is carried out first; if the disk has no space, it is tried once more. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#post({ kind: "close" }, []);
    await this.#exited;
    for (const { reject } of this.#steps.splice(0)) reject(closed());
  }
}
