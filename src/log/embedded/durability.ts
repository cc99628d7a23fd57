/**
 * Makes durable what the core wants durable, and reports its tickets: each only when it and all before it are on the
 * disk. Many writes complete with one group commit; the core hears of the last, which speaks for all.
 */
import type { Effect, HardState } from "../../raft/effect.ts";
import { untilRoom } from "./until-room.ts";
import { type EntryMark, writeVote } from "./vote-record.ts";
import type { WriteAheadLog } from "./wal/write-ahead-log.ts";

type Persist = Extract<Effect, { readonly kind: "persist" }>;
type Reset = Extract<Effect, { readonly kind: "reset" }>;

export interface DurabilityHost {
  /** Everything up to and with this ticket is durable. Never within a call of ours. */
  persisted(ticket: number): void;
  fatal(error: unknown): void;
}

export class Durability {
  readonly #wal: WriteAheadLog;
  readonly #directory: string;
  readonly #host: DurabilityHost;
  /** What the log has made durable. */
  #logged = 0;
  #reported = 0;
  /** Tickets whose vote is not on record yet. */
  readonly #votes = new Set<number>();
  #recording: Promise<void> = Promise.resolve();
  #scheduled = false;
  readonly #closed: PromiseWithResolvers<void> = Promise.withResolvers();

  /** As of the newest write. */
  #hardState: HardState;

  constructor(wal: WriteAheadLog, hardState: HardState, directory: string, host: DurabilityHost) {
    this.#wal = wal;
    this.#hardState = hardState;
    this.#directory = directory;
    this.#host = host;
  }

  persist({ ticket, hardState, entries }: Persist): void {
    const members = entries.findLast(({ kind }) => kind === "membership");
    if (hardState === undefined && members === undefined) {
      this.#wal.write({ entries }, () => this.#done(ticket));
      return;
    }
    this.#hardState = hardState ?? this.#hardState;
    const vote = this.#hardState;
    this.#votes.add(ticket);
    this.#wal.write(hardState === undefined ? { entries } : { hardState, entries }, () => {
      this.#recordVote(ticket, vote, members);
      this.#done(ticket);
    });
  }

  /** Resolves when the log is begun anew. Later writes queue behind it. */
  async reset({ ticket, base, hardState }: Reset): Promise<void> {
    this.#votes.add(ticket);
    this.#hardState = hardState;
    await this.#wal.reset(base, hardState);
    // What was said before it is of no account any more.
    this.#recordVote(ticket, hardState, base);
    this.#done(ticket);
  }

  #recordVote(ticket: number, hardState: HardState, members: EntryMark | undefined): void {
    const write = (): Promise<void> => writeVote(this.#directory, hardState, undefined, members);
    this.#recording = this.#recording
      .then(() => untilRoom(write, { ended: this.#closed.promise }))
      .then((recorded) => {
        if (!recorded) return;
        this.#votes.delete(ticket);
        this.#done(this.#logged);
      })
      .catch((error: unknown) => this.#host.fatal(error));
  }

  #done(ticket: number): void {
    this.#logged = ticket;
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      const through = Math.min(this.#logged, ...[...this.#votes].map((waiting) => waiting - 1));
      if (through <= this.#reported) return;
      this.#reported = through;
      this.#host.persisted(through);
    });
  }

  /** Resolves when no record is being written any more, or one waits for room that may never come. */
  async close(): Promise<void> {
    this.#closed.resolve();
    await this.#recording;
  }
}
