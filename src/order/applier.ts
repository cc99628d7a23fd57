/**
 * Carries what the log has committed into the market, and its rows into the store: one entry after the other, in the
 * order of the log, and by nobody else. Where the log no longer has what is next, another replica's state takes the
 * market's place and the log is read on from there.
 */
import { setImmediate } from "node:timers/promises";
import { assert } from "../base/assert.ts";
import { formatHash, type Hash128 } from "../base/hash128.ts";
import { type LogIndex, logIndex, type Term } from "../base/units.ts";
import type { CommittedEntry, ReplicatedLog } from "../log/port.ts";
import { type Answered, apply } from "../market/apply.ts";
import { decodeBatch } from "../market/codec.ts";
import type { Batch } from "../market/command.ts";
import { type Market, replaceMarket } from "../market/market.ts";
import type { Reply } from "../market/reply.ts";
import type { Answer, ItemRow, MarketState } from "../market/rows.ts";
import type { Store } from "../store/port.ts";
import type { Applied } from "./applied.ts";
import type { Proposed } from "./proposals.ts";

/** So many commands are applied, some milliseconds, before the event loop gets its turn. */
const commandsPerTurn = 2_000;

/** The log is told what is durable when that has moved by so many entries: to compact it is work, and rarely pays. */
const compactEntries = 64;

/** The state after the entry at `index`, which the store holds durably. */
export interface Copied {
  readonly index: LogIndex;
  readonly term: Term;
  readonly state: MarketState;
}

/** What became of an entry. */
export interface AppliedEntry {
  readonly index: LogIndex;
  readonly term: Term;
  /** The replies to its commands, none if it is the log's own; and who waits for them, if this replica formed it. */
  readonly replies: readonly Reply[];
  readonly proposed: Proposed | undefined;
  /** The items that it changed, as they are now. */
  readonly items: readonly ItemRow[];
}

export interface ApplierHost {
  readonly log: ReplicatedLog;
  readonly store: Store;
  readonly market: Market;
  readonly applied: Applied;
  /** See `ReplicaOptions`. */
  readonly copying: boolean;
  copyState(atLeast: LogIndex, signal: AbortSignal): Promise<Copied>;
  /** The entry with this token, if this replica formed it and still knows. */
  take(token: number): Proposed | undefined;
  /** The market is now that after this entry. */
  onEntry(entry: AppliedEntry): void;
  /** The market is now another replica's, no older than it was. */
  onCopied(): void;
  /** These entries are applied. */
  onBatch(from: LogIndex, to: LogIndex): void;
}

interface Decoded {
  readonly index: LogIndex;
  readonly term: Term;
  readonly batch: Batch | undefined;
  readonly proposed: Proposed | undefined;
}

const nothing: readonly never[] = [];

export class Applier {
  readonly #host: ApplierHost;
  readonly #closing = new AbortController();
  #copying = false;
  /** What the log was told last. */
  #compacted = logIndex(0);

  constructor(host: ApplierHost) {
    this.#host = host;
  }

  /** Resolves when the applier and its log are closed. A rejection is fatal: the market may be between two states. */
  async run(): Promise<void> {
    const { log, applied, copying } = this.#host;
    if (copying) await this.#copy(applied.index);
    while (!this.#closed) {
      await this.#applyCommitted();
      if (this.#closed || log.behind === undefined) return;
      await this.#copy(log.behind);
    }
  }

  /** Whether another replica's state is being copied: what is applied does not move meanwhile. */
  get copying(): boolean {
    return this.#copying;
  }

  /** A copy under way is broken off. `run` ends once the log is closed too. */
  close(): void {
    this.#closing.abort();
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #copy(atLeast: LogIndex): Promise<void> {
    const { log, market, applied, onCopied } = this.#host;
    this.#copying = true;
    const copied = await this.#copied(atLeast);
    if (copied === undefined) return;
    const { index, term, state } = copied;
    assert(
      index >= atLeast && state.counters.position >= market.position,
      () => `copied the state at ${index}, which is older than ${atLeast} or than that at ${applied.index}`,
    );
    replaceMarket(market, state);
    // What was applied here beyond it were the log's own entries, which change nothing.
    applied.advance(index > applied.index ? index : applied.index, market.position);
    onCopied();
    await log.restore(index, term);
    this.#copying = false;
  }

  /** `undefined` if it is closing: a copy that was broken off is gone on with after the next start. */
  async #copied(atLeast: LogIndex): Promise<Copied | undefined> {
    try {
      const copied = await this.#host.copyState(atLeast, this.#closing.signal);
      return this.#closed ? undefined : copied;
    } catch (error) {
      if (this.#closed) return undefined;
      throw error;
    }
  }

  async #applyCommitted(): Promise<void> {
    const { log, store, applied, onBatch } = this.#host;
    for await (const entries of log.committed(applied.index)) {
      const decoded = entries.map((entry) => this.#decode(entry));
      const answers = await this.#answersBefore(decoded);
      let sinceTurn = 0;
      for (const entry of decoded) {
        this.#apply(entry, answers);
        sinceTurn += entry.batch?.commands.length ?? 0;
        if (sinceTurn < commandsPerTurn) continue;
        // A replica that catches up must still answer its leader, and a leader its followers.
        await setImmediate();
        sinceTurn = 0;
      }
      const [first, last] = [decoded.at(0), decoded.at(-1)];
      assert(first !== undefined && last !== undefined, "a batch has entries");
      onBatch(first.index, last.index);
      this.#compact();
      await store.room();
    }
  }

  #decode({ index, term, payload, token }: CommittedEntry): Decoded {
    const proposed = token === undefined ? undefined : this.#host.take(token);
    // What this replica proposed it has decoded before, from the very same bytes.
    const batch = payload.length === 0 ? undefined : (proposed ?? decodeBatch(payload));
    return { index, term, batch, proposed };
  }

  /** What the store remembers of all client keys in these entries. */
  async #answersBefore(entries: readonly Decoded[]): Promise<Map<string, Answer>> {
    const keys: Hash128[] = [];
    for (const { batch } of entries) {
      for (const command of batch?.commands ?? []) {
        if ("id" in command && command.id.kind === "key") keys.push(command.id.key);
      }
    }
    const answers = new Map<string, Answer>();
    if (keys.length === 0) return answers;
    for (const answer of await this.#host.store.answers(keys)) rememberKey(answers, answer);
    return answers;
  }

  #apply({ index, term, batch, proposed }: Decoded, answers: Map<string, Answer>): void {
    const { market, store, applied, onEntry } = this.#host;
    if (batch === undefined) {
      applied.advance(index, market.position);
      onEntry({ index, term, replies: nothing, proposed, items: nothing });
      return;
    }
    const answered: Answered = (key) => answers.get(formatHash(key));
    const { replies, rows } = apply(market, batch, answered);
    for (const answer of rows.answers) rememberKey(answers, answer);
    store.append(index, term, rows);
    applied.advance(index, market.position);
    onEntry({ index, term, replies, proposed, items: rows.items });
  }

  #compact(): void {
    const { log, store } = this.#host;
    if (store.flushed < this.#compacted + compactEntries) return;
    this.#compacted = store.flushed;
    log.compact(store.flushed);
  }
}

function rememberKey(answers: Map<string, Answer>, answer: Answer | undefined): void {
  if (answer?.id.kind === "key") answers.set(formatHash(answer.id.key), answer);
}
