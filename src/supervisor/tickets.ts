/** Questions under way to a process, each with a time after which it counts as not answered. */

const openMax = 1_000;

export class Tickets<T> {
  readonly #open = new Map<number, (answer: T | undefined) => void>();
  #next = 1;

  /** `ask` sends the question; resolves to `undefined` after `timeoutMs`, or at once if too many are open. */
  open(timeoutMs: number, ask: (ticket: number) => void): Promise<T | undefined> {
    if (this.#open.size >= openMax) return Promise.resolve(undefined);
    const ticket = this.#next++;
    const { promise, resolve } = Promise.withResolvers<T | undefined>();
    const timer = setTimeout(() => this.settle(ticket, undefined), timeoutMs);
    this.#open.set(ticket, (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    ask(ticket);
    return promise;
  }

  /** An answer to a question that nobody waits for any more is ignored. */
  settle(ticket: number, answer: T | undefined): void {
    const resolve = this.#open.get(ticket);
    this.#open.delete(ticket);
    resolve?.(answer);
  }

  /** Whoever was asked is gone. */
  abandon(): void {
    for (const ticket of [...this.#open.keys()]) this.settle(ticket, undefined);
  }
}
