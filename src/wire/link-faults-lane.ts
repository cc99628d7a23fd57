/**
 * One direction of an ailing connection: what goes that way is let through when it is due, and not while it is cut. It
 * stays in order: what was lost is waited for by all behind it.
 */
import type { Random } from "../base/random.ts";
import type { LaneFault } from "./link-faults.ts";

/** After so long TCP sends again what was lost (the least that Linux waits). */
const resendMs = 200;
/** What holding a chunk takes besides its bytes: many small ones are bounded too. */
const chunkOverheadBytes = 256;
/** Chunks that were let through are forgotten so many at a time. */
const forgottenAtOnce = 1_024;

const well: LaneFault = { cut: false, delayMs: 0, loss: 0 };

interface Held {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** Has no bound of its own: whoever pushes looks at `heldBytes`. */
export class FaultLane {
  readonly #pass: (bytes: Buffer) => void;
  readonly #random: Random;
  #fault: LaneFault;
  #held: Held[] = [];
  /** How many of `#held` were let through. */
  #passed = 0;
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(fault: LaneFault, pass: (bytes: Buffer) => void, random: Random) {
    this.#fault = fault;
    this.#pass = pass;
    this.#random = random;
  }

  get isCut(): boolean {
    return this.#fault.cut;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The lane keeps `bytes`. */
  push(bytes: Buffer): void {
    const { delayMs, loss } = this.#fault;
    const lateMs = delayMs + (loss > 0 && this.#random() < loss ? resendMs : 0);
    this.#held.push({ bytes, dueMs: performance.now() + lateMs });
    this.#heldBytes += bytes.length + chunkOverheadBytes;
    this.#run();
  }

  /** From now on this ails it; `undefined`: nothing, and all that is held is let through at once. */
  heed(fault: LaneFault | undefined): void {
    this.#fault = fault ?? well;
    if (fault !== undefined) this.#run();
    else this.#passUntil(Number.POSITIVE_INFINITY);
  }

  /** Forget what is held: the connection is over. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#held = [];
    this.#passed = 0;
    this.#heldBytes = 0;
  }

  #run(): void {
    if (this.#fault.cut) return;
    const nowMs = performance.now();
    this.#passUntil(nowMs);
    const next = this.#held[this.#passed];
    if (next === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#run();
      },
      Math.ceil(next.dueMs - nowMs),
    );
  }

  #passUntil(dueMs: number): void {
    for (let next = this.#held[this.#passed]; next !== undefined && next.dueMs <= dueMs; ) {
      this.#passed++;
      this.#heldBytes -= next.bytes.length + chunkOverheadBytes;
      this.#forget();
      this.#pass(next.bytes);
      next = this.#held[this.#passed];
    }
  }

  #forget(): void {
    if (this.#passed < this.#held.length && this.#passed < forgottenAtOnce) return;
    this.#held.splice(0, this.#passed);
    this.#passed = 0;
  }
}
