/**
 * A front-end's session with the market: hands out sequences, and knows which of them are over, so that the market
 * may forget their answers.
 *
 * A sequence is *over* when its answer was delivered. One whose client was told "outcome unknown", or has come back
 * with the key, stays *open*: whoever asks again may lack the reply again, and no reply tells us that it arrived.
 */

import type { SessionId } from "../base/units.ts";
import type { AcknowledgeCommand } from "../market/command.ts";
import { sessionLimits } from "./limits.ts";

export class Session {
  readonly id: SessionId;
  #next = 1;
  /** Every sequence below it is over or open. */
  #below = 1;
  /** Over or open, at or above `#below`. */
  readonly #ended = new Set<number>();
  readonly #open = new Set<number>();
  /** What the last acknowledgement said: below it the market keeps only what was open then. */
  #acknowledgedBelow = 1;
  #since = 0;
  #acknowledgedMs: number;

  constructor(id: SessionId, nowMs: number) {
    this.id = id;
    this.#acknowledgedMs = nowMs;
  }

  /** The first of `count` fresh sequences. */
  take(count = 1): number {
    const first = this.#next;
    this.#next += count;
    return first;
  }

  /** Whether so many sequences are open that another session must follow this one. */
  get worn(): boolean {
    return this.#open.size >= sessionLimits.open;
  }

  /** The answer of this fresh sequence was delivered, or its request certainly never happened. */
  delivered(sequence: number): void {
    if (!this.#open.has(sequence)) this.#end(sequence);
  }

  /**
   * Keep the answer: the client was told that the outcome is unknown, or it comes with the key. In vain if the market
   * was told already that the sequence is over.
   */
  leftOpen(sequence: number): void {
    if (sequence >= this.#next || sequence < this.#acknowledgedBelow || this.#open.has(sequence)) return;
    this.#open.add(sequence);
    this.#end(sequence);
  }

  #end(sequence: number): void {
    if (sequence < this.#below || sequence >= this.#next) return;
    this.#since++;
    if (sequence !== this.#below) {
      this.#ended.add(sequence);
      return;
    }
    this.#below++;
    while (this.#ended.size > 0 && this.#ended.delete(this.#below)) this.#below++;
  }

  /** Whether anything was answered that the market was not told of yet and can be. */
  get unacknowledged(): boolean {
    return this.#since > 0 && !this.worn;
  }

  /**
   * What to log now, if an acknowledgement is due. A worn session gives none, so none lists more than
   * `sessionLimits.open` sequences.
   */
  acknowledge(nowMs: number, force = false): AcknowledgeCommand | undefined {
    if (this.worn) return undefined;
    const waitedMs = nowMs - this.#acknowledgedMs;
    const due =
      force ||
      this.#since >= sessionLimits.acknowledgeEvery ||
      (this.#since > 0 && waitedMs >= sessionLimits.acknowledgeMs) ||
      waitedMs >= sessionLimits.refreshMs;
    if (!due) return undefined;
    this.#since = 0;
    this.#acknowledgedMs = nowMs;
    const below = this.#below;
    this.#acknowledgedBelow = below;
    const open = [...this.#open].filter((sequence) => sequence < below).sort((a, b) => a - b);
    return { kind: "acknowledge", session: this.id, below, open };
  }

  /** The market may not have heard the last acknowledgement: another one, which says all of it and more, is due soon. */
  acknowledgementLost(): void {
    this.#since++;
  }
}
