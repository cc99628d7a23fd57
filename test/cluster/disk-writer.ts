/** Makes one replica's writes durable, later, in order, and several at once; now and then it takes long. */
import type { DiskWrite, SimDisk } from "./disk.ts";
import type { World } from "./world.ts";

export class DiskWriter {
  readonly #disk: SimDisk;
  readonly #world: World;
  readonly #onDurable: (ticket: number) => void;
  #busy = false;
  /** Counts crashes: what was under way before one is nobody's any more. */
  #crashes = 0;
  #hangsUntil = 0;

  constructor(disk: SimDisk, world: World, onDurable: (ticket: number) => void) {
    this.#disk = disk;
    this.#world = world;
    this.#onDurable = onDurable;
  }

  write(write: DiskWrite): void {
    this.#disk.pending.push(write);
    this.#next();
  }

  hang(ms: number): void {
    this.#hangsUntil = this.#world.scheduler.now + ms;
  }

  crash(): void {
    this.#busy = false;
    this.#crashes++;
  }

  #next(): void {
    const { pending } = this.#disk;
    if (this.#busy || pending.length === 0) return;
    this.#busy = true;
    const { scheduler, stallChance, stallMs, diskMs, sometimes } = this.#world;
    const stalls = stallChance > 0 && scheduler.chance(stallChance);
    const crashes = this.#crashes;
    const hangMs = Math.max(0, this.#hangsUntil - scheduler.now);
    scheduler.after(hangMs + 0.1 + scheduler.random() * (stalls ? stallMs : diskMs), () => {
      if (this.#crashes !== crashes) return;
      this.#busy = false;
      const count = scheduler.between(1, this.#disk.pending.length);
      if (this.#disk.willReplace(count)) sometimes.saw("a write completed after its entries were replaced");
      const ticket = this.#disk.complete(count);
      this.#next();
      this.#onDurable(ticket);
    });
  }
}
