/** The store's end of a reader's thread: requests go in, each comes back as a promise. */
import type { Worker } from "node:worker_threads";
import { OperatingFailure } from "../../base/failure.ts";
import {
  type ReadMessage,
  type ReadReport,
  type ReadRequest,
  type ReadResults,
  reportedFailure,
} from "./messages.ts";
import { startThread } from "./thread.ts";

/** Reads under way; beyond it the store refuses, definitely. */
const readsMax = 10_000;

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (failure: OperatingFailure) => void;
}

export class ReadThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  readonly #onFailure: (failure: OperatingFailure) => void;
  readonly #exited: Promise<void>;
  #failure: OperatingFailure | undefined;
  #nextId = 0;

  /** `onFailure` is called at most once; every request under way and every later one is rejected with the same. */
  constructor(file: string, onFailure: (failure: OperatingFailure) => void) {
    this.#onFailure = onFailure;
    this.#worker = startThread(new URL("./reader.ts", import.meta.url), file);
    this.#worker.on("message", (report: ReadReport) => this.#receive(report));
    this.#worker.on("error", (cause) => {
      this.#fail(new OperatingFailure("storage", `the reader's thread died: ${String(cause)}`, { cause }));
    });
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", () => {
        this.#fail(new OperatingFailure("storage", "the reader's thread ended"));
        resolve();
      });
    });
  }

  request<Kind extends ReadRequest["kind"]>(
    request: Extract<ReadRequest, { kind: Kind }>,
  ): Promise<ReadResults[Kind]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waiting.size >= readsMax) {
      return Promise.reject(new OperatingFailure("unavailable", "too many reads wait for the store"));
    }
    const message: ReadMessage = { id: this.#nextId++, request };
    return new Promise<ReadResults[Kind]>((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject });
      this.#worker.postMessage(message);
    });
  }

  #receive(report: ReadReport): void {
    if (report.kind === "failed") {
      this.#fail(reportedFailure(report));
      return;
    }
    const waiting = this.#waiting.get(report.id);
    this.#waiting.delete(report.id);
    // The id ties a result to its request, and so to the type that the request promised.
    waiting?.resolve(report.result as never);
  }

  #fail(failure: OperatingFailure): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    for (const waiting of this.#waiting.values()) waiting.reject(failure);
    this.#waiting.clear();
    this.#onFailure(failure);
  }

  /** Requests under way are rejected. */
  async close(): Promise<void> {
    this.#failure ??= new OperatingFailure("unavailable", "the store is closed");
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
    this.#worker.postMessage("close");
    await this.#exited;
  }
}
