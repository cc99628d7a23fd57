/**
 * What must hold of an order replica that is cut off, looked at from outside: without a majority to answer it, it does not
 * go on leading (check-quorum), and while it hears nobody it does not raise its term (pre-vote), or it would depose a
 * leader that is well as soon as it comes back.
 */
import type { Network } from "./network.ts";
import type { SimProcess } from "./process.ts";

/** After the last message that was under way has come. */
const stepsDownMs = 1_000;
const quietMs = 500;

interface CutOff {
  readonly since: number;
  /** As long as this is the same, it was cut off all the time, and was not stopped. */
  readonly mark: string;
  /** When it had come to rest: from then on it must stay. */
  term: number | undefined;
}

export class Reach {
  readonly #network: Network;
  readonly #processes: readonly SimProcess[];
  readonly #broken: (error: Error) => void;
  readonly #withoutMajority = new Map<SimProcess, CutOff>();
  readonly #deaf = new Map<SimProcess, CutOff>();

  constructor(network: Network, processes: readonly SimProcess[], broken: (error: Error) => void) {
    this.#network = network;
    this.#processes = processes;
    this.#broken = broken;
  }

  /** To be called often. */
  look(): void {
    for (const process of this.#processes) {
      this.#lookAtLeader(process);
      this.#lookAtTerm(process);
    }
  }

  #lookAtLeader(process: SimProcess): void {
    const answering = this.#processes.filter(
      (other) => other !== process && this.#hears(process, other) && this.#hears(other, process),
    );
    const isCut = (answering.length + 1) * 2 <= this.#processes.length;
    const cut = this.#note(this.#withoutMajority, process, isCut);
    const state = process.running?.status().state;
    if (cut === undefined || state !== "leader" || !this.#isOver(cut, stepsDownMs)) return;
    const { now } = this.#network.schedule;
    this.#broken(
      new Error(
        `${process.name} leads, and no majority could answer it for ${Math.round(now - cut.since)} ms`,
      ),
    );
  }

  #lookAtTerm(process: SimProcess): void {
    const isDeaf = this.#processes.every((other) => other === process || !this.#hears(process, other));
    const cut = this.#note(this.#deaf, process, isDeaf);
    const term = process.running?.status().term;
    if (cut === undefined || term === undefined || !this.#isOver(cut, quietMs)) return;
    cut.term ??= term;
    if (term === cut.term) return;
    this.#broken(new Error(`${process.name}, which hears nobody, went from term ${cut.term} to ${term}`));
  }

  #isOver({ since }: CutOff, ms: number): boolean {
    const { schedule, slowestMs } = this.#network;
    return schedule.now - since > slowestMs + ms;
  }

  #hears(process: SimProcess, from: SimProcess): boolean {
    return !this.#network.isCut(from.machine, process.machine);
  }

  /** Since when it is so, if it is, in this life. */
  #note(of: Map<SimProcess, CutOff>, process: SimProcess, isSo: boolean): CutOff | undefined {
    const { machine } = process;
    if (!isSo || !machine.isRunning || machine.isPaused) {
      of.delete(process);
      return undefined;
    }
    const mark = `${this.#network.heals} ${machine.life} ${machine.pauses}`;
    const before = of.get(process);
    if (before?.mark === mark) return before;
    const cut = { since: this.#network.schedule.now, mark, term: undefined };
    of.set(process, cut);
    return cut;
  }
}
