/**
 * Virtual time for tests of one part: when the program has nothing else to do, the next event's time has come. As in a
 * simulated world, a machine's events are lost with the life of its process.
 */

interface Event {
  readonly at: number;
  readonly life: number | undefined;
  readonly run: () => void;
}

export class VirtualTime {
  now = 0;
  #life = 0;
  /** Ascending by time, and in the order they came in where that is equal. */
  readonly #events: Event[] = [];
  #isTurning = false;

  /** Of the process that lives now. */
  readonly after = (ms: number, run: () => void): void =>
    this.#add({ at: this.now + ms, life: this.#life, run });

  readonly worldAfter = (ms: number, run: () => void): void =>
    this.#add({ at: this.now + ms, life: undefined, run });

  /** The process's life ends: what was scheduled in it never runs. */
  endLife(): void {
    this.#life++;
  }

  pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.worldAfter(ms, resolve));
  }

  #add(event: Event): void {
    let at = this.#events.length;
    while (at > 0 && (this.#events[at - 1]?.at ?? 0) > event.at) at--;
    this.#events.splice(at, 0, event);
    this.#turn();
  }

  #turn(): void {
    if (this.#isTurning || this.#events.length === 0) return;
    this.#isTurning = true;
    setImmediate(() => {
      this.#isTurning = false;
      const event = this.#events.shift();
      if (event === undefined) return;
      this.now = event.at;
      // What is scheduled by it comes after it in any case.
      try {
        if (event.life === undefined || event.life === this.#life) event.run();
      } finally {
        this.#turn();
      }
    });
  }
}
