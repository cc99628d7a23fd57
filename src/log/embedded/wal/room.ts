/** A full disk: how it shows itself, and waiting until there is room again. */

/** Calls `again` once, after a while; what it returns calls it off. */
export type Later = (again: () => void) => () => void;

const retryMs = 1_000;

export const inASecond: Later = (again) => {
  const timer = setTimeout(again, retryMs);
  return () => clearTimeout(timer);
};

/** Whether the disk, or this user's part of it, is full. Anything else that fails is not cured by waiting. */
export function isFull(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return code === "ENOSPC" || code === "EDQUOT";
}

export function fullDisk(message: string): Error {
  return Object.assign(new Error(message), { code: "ENOSPC" });
}

export class RoomWait {
  readonly #later: Later;
  #waiting: ((again: boolean) => void)[] = [];
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(later: Later) {
    this.#later = later;
  }

  /** Resolves when it is worth while to try again; with false if nobody should any more. */
  wait(): Promise<boolean> {
    if (this.#closed) return Promise.resolve(false);
    this.#cancel ??= this.#later(() => this.again());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Something was freed: whoever waits tries now. */
  again(): void {
    this.#wake(true);
  }

  close(): void {
    this.#closed = true;
    this.#wake(false);
  }

  #wake(again: boolean): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(again);
  }
}
