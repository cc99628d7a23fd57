/**
 * What must hold at every moment, looked at from outside while a history goes on: of one term there is one leader, what
 * was committed stays so, and whoever has applied the same position has the same state.
 */
import type { OrderMachine } from "./cluster.ts";
import type { SimProcess } from "./process.ts";

interface Seen {
  readonly life: number;
  readonly commitIndex: number;
  readonly position: number;
}

export class Invariants {
  readonly #broken: (error: Error) => void;
  /** Who led each term, as they said themselves. */
  readonly #leaders = new Map<number, string>();
  /** The state's hash at a position, and who was the first to say it. */
  readonly #hashes = new Map<number, { readonly hash: string; readonly by: string }>();
  readonly #seen = new Map<SimProcess, Seen>();

  constructor(broken: (error: Error) => void) {
    this.#broken = broken;
  }

  /** Raft, figure 3: election safety. */
  leads({ name }: SimProcess, term: number): void {
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== name) {
      this.#broken(new Error(`two leaders in term ${term}: ${other} and ${name}`));
    }
    this.#leaders.set(term, name);
  }

  /** What an order replica says of itself. */
  look(process: SimProcess): void {
    const status = process.running?.status();
    if (status === undefined) return;
    const { commitIndex = 0, position = 0, hashes = [], stateHash } = status;
    const { life } = process.machine;
    const before = this.#seen.get(process);
    this.#seen.set(process, { life, commitIndex, position });
    if (before?.life === life && (commitIndex < before.commitIndex || position < before.position)) {
      const was = `commit ${before.commitIndex}, position ${before.position}`;
      this.#broken(new Error(`${process.name} went back from ${was} to ${commitIndex}, ${position}`));
    }
    for (const { position: at, hash } of hashes) this.#compare(process, at, hash);
    if (stateHash !== undefined) this.#compare(process, position, stateHash);
  }

  /** What a start would find: the log goes back to what the store holds, unless that was lost or is being copied. */
  lookAtDisk({ process, directory, disk }: OrderMachine): void {
    const { rows, damageFound, refilling } = disk.store(directory);
    if (damageFound !== undefined || refilling !== undefined || rows.copying || rows.flushed === 0) return;
    const base = disk.logBase(`${directory}/log`);
    if (base <= rows.flushed) return;
    this.#broken(
      new Error(
        `${process.name}'s log begins behind ${base}, and its store holds no more than ${rows.flushed}`,
      ),
    );
  }

  #compare({ name }: SimProcess, position: number, hash: string): void {
    const known = this.#hashes.get(position);
    if (known === undefined) this.#hashes.set(position, { hash, by: name });
    else if (known.hash !== hash) {
      this.#broken(
        new Error(`at position ${position} ${known.by} has state ${known.hash}, ${name} has ${hash}`),
      );
    }
  }
}
