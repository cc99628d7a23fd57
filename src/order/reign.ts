/**
 * A leader's term, once this replica has applied all that earlier leaders appended. From then on everything that
 * enters the log is its own, so it knows the position of every command that it appends, long before it is applied.
 */
import { assert } from "../base/assert.ts";
import { type LogIndex, type Position, position, type Term } from "../base/units.ts";
import type { Command } from "../market/command.ts";
import type { Ahead } from "./touched.ts";

/** An entry of the reign that is appended and not yet applied. */
interface Pending extends Ahead {
  readonly index: LogIndex;
  /** Of its last command. */
  readonly position: Position;
}

export class Reign {
  readonly term: Term;
  #position: Position;
  /** Ascending. The log bounds what is appended and not committed. */
  readonly #pending: Pending[] = [];
  #ticks = 0;
  #additions = 0;

  /** `applied`: the position of everything that was in the log when the reign began. */
  constructor(term: Term, applied: Position) {
    this.term = term;
    this.#position = applied;
  }

  /** Of the newest command that was appended. */
  get position(): Position {
    return this.#position;
  }

  /** What is appended and not yet applied. */
  get ahead(): Ahead {
    return { ticks: this.#ticks, additions: this.#additions };
  }

  /** This replica has appended an entry in this term. */
  appended(index: LogIndex, commands: readonly Command[]): void {
    let ticks = 0;
    let additions = 0;
    for (const { kind } of commands) {
      if (kind === "tick") ticks++;
      else if (kind === "add-item" || kind === "found") additions++;
    }
    this.#ticks += ticks;
    this.#additions += additions;
    this.#position = position(this.#position + commands.length);
    this.#pending.push({ index, position: this.#position, ticks, additions });
  }

  /** An entry of this term was applied, and the market is at `reached`. */
  applied(index: LogIndex, reached: Position): void {
    const [first] = this.#pending;
    if (first === undefined || first.index > index) return;
    assert(
      first.index === index && first.position === reached,
      () => `entry ${index} ends at ${reached}, entry ${first.index} was to end at ${first.position}`,
    );
    this.#pending.shift();
    this.#ticks -= first.ticks;
    this.#additions -= first.additions;
  }
}
