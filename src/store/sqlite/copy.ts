/** The store's end of a copy: each call is one step of the writer's thread, durable when it resolves. */
import { assert } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import type { LogIndex, OrderNumber, Position, Term } from "../../base/units.ts";
import type { MarketState } from "../../market/rows.ts";
import type { Copy } from "../port.ts";
import type { CopyMessage, CopyProgress } from "./messages.ts";
import type { WriteThread } from "./write-thread.ts";

/** The mark is set, or was left by a copy that broke off, when it resolves. `onInstalled` is called once. */
export async function beginCopy(writer: WriteThread, onInstalled: (index: LogIndex) => void): Promise<Copy> {
  const { progress } = await writer.step({ kind: "copy-begin" });
  return new CopySteps(writer, progress, onInstalled);
}

class CopySteps implements Copy {
  readonly #writer: WriteThread;
  readonly #onInstalled: (index: LogIndex) => void;
  #progress: CopyProgress;
  #installed = false;

  constructor(writer: WriteThread, progress: CopyProgress, onInstalled: (index: LogIndex) => void) {
    this.#writer = writer;
    this.#progress = progress;
    this.#onInstalled = onInstalled;
  }

  get nextOrder(): OrderNumber {
    return this.#progress.nextOrder;
  }

  get answersThrough(): Position {
    return this.#progress.answersThrough;
  }

  addOrders(rows: Uint8Array): Promise<void> {
    return this.#step({ kind: "copy-orders", rows });
  }

  addAnswers(rows: Uint8Array): Promise<void> {
    return this.#step({ kind: "copy-answers", rows });
  }

  async install(index: LogIndex, term: Term, state: MarketState): Promise<void> {
    await this.#step({ kind: "copy-install", index, term, state });
    this.#installed = true;
    this.#onInstalled(index);
  }

  async #step(message: CopyMessage): Promise<void> {
    assert(!this.#installed, "the copy is installed");
    const { progress, refused } = await this.#writer.step(message);
    this.#progress = progress;
    if (refused !== undefined) throw new OperatingFailure("wrong-data", `the copy is refused: ${refused}`);
  }
}
