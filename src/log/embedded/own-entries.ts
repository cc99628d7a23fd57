/** What this member appended and has not seen committed: under which token, and how many bytes together. */
import type { LogIndex, Term } from "../../base/units.ts";
import type { Entry } from "../../raft/message.ts";

interface Appended {
  readonly term: Term;
  readonly token: number;
  readonly bytes: number;
}

export class OwnEntries {
  readonly #appended = new Map<LogIndex, Appended>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(index: LogIndex, appended: Appended): void {
    this.#appended.set(index, appended);
    this.#bytes += appended.bytes;
  }

  /** The token of a committed entry, if it is the very one that was appended. It comes once. */
  take({ index, term }: Entry): number | undefined {
    const appended = this.#appended.get(index);
    if (appended === undefined) return undefined;
    this.#forget(index, appended);
    return appended.term === term ? appended.token : undefined;
  }

  /** The entries from `index` on are gone. */
  forgetFrom(index: LogIndex): void {
    for (const [at, appended] of this.#appended) if (at >= index) this.#forget(at, appended);
  }

  #forget(index: LogIndex, appended: Appended): void {
    this.#appended.delete(index);
    this.#bytes -= appended.bytes;
  }
}
