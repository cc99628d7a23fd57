/**
 * One order replica: a deterministic market over the replicated log, its rows in a store behind it.
 *
 * Entries are applied in the order of the log and by nobody else; the leader differs only in that it forms entries
 * and knows whom to answer. What an answer says is applied, so it is committed and durable on a majority.
 */
import { setImmediate } from "node:timers/promises";
import { assert } from "../base/assert.ts";
import { DecodeError } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { formatHash, type Hash128 } from "../base/hash128.ts";
import type { LogIndex, Term } from "../base/units.ts";
import type { CommittedEntry, ReplicatedLog } from "../log/port.ts";
import { type Answered, apply } from "../market/apply.ts";
import { decodeBatch, decodeCommand, encodeBatch, encodeCommand, encodeReply } from "../market/codec.ts";
import type { Batch, Command } from "../market/command.ts";
import type { MarketDefinition } from "../market/definition.ts";
import { counters, type Market } from "../market/market.ts";
import type { Answer } from "../market/rows.ts";
import type { Store } from "../store/port.ts";
import type { LeadershipNotice, Question, Submission } from "../wire/service.ts";
import { Applied } from "./applied.ts";
import type { FrontendLink } from "./frontend-link.ts";
import { answerQuestions, type InquiriesHost } from "./inquiries.ts";
import { Proposals, type Proposed } from "./proposals.ts";

/** The leader logs a tick this often, by its monotonic clock. */
const tickMs = 1_000;

export interface ReplicaOptions {
  readonly log: ReplicatedLog;
  readonly store: Store;
  readonly market: Market;
  /** The log index that `market` and `store` include. */
  readonly applied: LogIndex;
  /** What an empty log is founded with. */
  readonly definition: MarketDefinition;
  readonly wallClock: () => number;
  readonly onFatal: (error: unknown) => void;
  readonly onApplied: (from: LogIndex, to: LogIndex) => void;
}

/** So many commands are applied, some milliseconds, before the event loop gets its turn. */
const commandsPerTurn = 2_000;

/** The token of an entry that nobody waits for. */
const nobodysToken = 0;

/** An entry that is decoded, and, if this replica formed it, whom to answer. */
interface Decoded {
  readonly index: LogIndex;
  readonly batch: Batch | undefined;
  readonly proposed: Proposed | undefined;
}

export class Replica {
  readonly #options: ReplicaOptions;
  readonly #log: ReplicatedLog;
  readonly #market: Market;
  readonly #store: Store;
  readonly #applied: Applied;
  readonly #proposals: Proposals;
  readonly #inquiries: InquiriesHost;
  readonly #links = new Set<FrontendLink>();
  readonly #ticker: NodeJS.Timeout;
  readonly #applying: Promise<void>;
  /** The newest term in which this replica undertook to found the market: once is enough. */
  #foundingTerm: Term | undefined;

  constructor(options: ReplicaOptions) {
    const { log, market, store } = options;
    this.#options = options;
    this.#log = log;
    this.#market = market;
    this.#store = store;
    this.#applied = new Applied(options.applied, market.position);
    this.#proposals = new Proposals({
      fence: () => this.#fence(),
      append: (payload, fence, token) => log.append(payload, fence, token),
      wallClock: options.wallClock,
    });
    this.#inquiries = { market, store, applied: this.#applied, readPoint: () => this.#readPoint() };
    log.onLeadership(() => this.#leadershipChanged());
    this.#ticker = setInterval(() => this.#tick(), tickMs);
    this.#applying = this.#applyCommitted().catch(options.onFatal);
    this.#leadershipChanged();
  }

  get market(): Market {
    return this.#market;
  }

  get appliedIndex(): LogIndex {
    return this.#applied.index;
  }

  /** A front-end said hello: it is told who leads, now and at every change. */
  join(link: FrontendLink): void {
    this.#links.add(link);
    link.announce(this.#notice());
  }

  leave(link: FrontendLink): void {
    this.#links.delete(link);
  }

  /**
   * What is in the log must be applicable everywhere, so every command is decoded before any of them is taken. Throws
   * `DecodeError` if one is malformed: then the sender is not one of ours.
   */
  submit(link: FrontendLink, submissions: readonly Submission[]): void {
    if (this.#fence() === undefined) {
      for (const { ticket } of submissions) link.fail(ticket, "not-leader");
      return;
    }
    const commands = submissions.map(({ command }) => decodeSubmitted(command));
    submissions.forEach(({ ticket, command: bytes }, i) => {
      this.#proposals.add(commands[i] as Command, bytes, { link, ticket });
    });
  }

  ask(link: FrontendLink, questions: readonly Question[]): void {
    answerQuestions(this.#inquiries, link, questions);
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#proposals.abandon();
    await this.#log.close();
    this.#applied.close();
    await this.#applying;
    await this.#store.close();
  }

  /** The term under which commands may be appended: it leads, and the market is founded. */
  #fence(): Term | undefined {
    const { leading, term } = this.#log.leadership;
    return leading && this.#market.definition !== undefined ? term : undefined;
  }

  #notice(): LeadershipNotice {
    const { term, leader } = this.#log.leadership;
    return { term, leader, leading: this.#fence() !== undefined };
  }

  #announce(): void {
    const notice = this.#notice();
    for (const link of this.#links) link.announce(notice);
  }

  #leadershipChanged(): void {
    const { leading, term } = this.#log.leadership;
    if (!leading) this.#proposals.abandon();
    else if (this.#market.definition === undefined) this.#found(term);
    this.#announce();
  }

  /** A leader whose log holds no market begins it. It must have seen all of its log first: another may have done so. */
  #found(term: Term): void {
    if (this.#foundingTerm === term) return;
    this.#foundingTerm = term;
    this.#readPoint().then(
      () => {
        const { leading, term: current } = this.#log.leadership;
        if (this.#market.definition !== undefined) return;
        if (!leading || current !== term) {
          this.#foundingTerm = undefined;
          return;
        }
        const command: Command = { kind: "found", definition: this.#options.definition };
        const payload = encodeBatch(this.#options.wallClock(), [encodeCommand(command)]);
        try {
          this.#log.append(payload, term, nobodysToken);
        } catch (error) {
          // It may not append at the moment: `leadershipChanged` comes when it may, or another leads.
          if (!(error instanceof OperatingFailure)) throw error;
          this.#foundingTerm = undefined;
        }
      },
      (error) => {
        // No longer the leader: whoever leads next founds it.
        if (!(error instanceof OperatingFailure)) throw error;
      },
    );
  }

  #tick(): void {
    if (this.#fence() === undefined) return;
    const command: Command = { kind: "tick" };
    this.#proposals.add(command, encodeCommand(command), undefined);
  }

  async #readPoint(): Promise<void> {
    await this.#applied.whenIndex(await this.#log.barrier());
  }

  async #applyCommitted(): Promise<void> {
    for await (const entries of this.#log.committed(this.#applied.index)) {
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
      this.#options.onApplied(first.index, last.index);
      await this.#store.room();
    }
  }

  #decode({ index, payload, token }: CommittedEntry): Decoded {
    const proposed = token === undefined ? undefined : this.#proposals.take(token);
    // What this replica proposed it has decoded before, from the very same bytes.
    const batch = payload.length === 0 ? undefined : (proposed ?? decodeBatch(payload));
    return { index, batch, proposed };
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
    for (const answer of await this.#store.answers(keys)) rememberKey(answers, answer);
    return answers;
  }

  #apply({ index, batch, proposed }: Decoded, answers: Map<string, Answer>): void {
    const market = this.#market;
    if (batch === undefined) {
      this.#applied.advance(index, market.position);
      return;
    }
    const before = market.definition;
    const answered: Answered = (key) => answers.get(formatHash(key));
    const { replies, rows } = apply(market, batch, answered);
    for (const answer of rows.answers) rememberKey(answers, answer);
    this.#store.append(index, rows);
    this.#applied.advance(index, market.position);
    if (proposed !== undefined) {
      for (let i = 0; i < replies.length; i++) {
        const asker = proposed.askers[i];
        const reply = replies[i];
        if (asker !== undefined && reply !== undefined) asker.link.reply(asker.ticket, encodeReply(reply));
      }
    }
    if (before !== market.definition) this.#announce();
  }

  /** For status: the state hash now, and those that were published. */
  hashes(): { readonly stateHash: string; readonly hashes: { position: number; hash: string }[] } {
    return {
      stateHash: formatHash(counters(this.#market).hash),
      hashes: this.#market.hashes.map(({ position: at, hash }) => ({ position: at, hash: formatHash(hash) })),
    };
  }
}

function decodeSubmitted(bytes: Uint8Array): Command {
  const command = decodeCommand(bytes);
  if (command.kind === "found" || command.kind === "tick") {
    throw new DecodeError(`a front-end may not submit ${command.kind}`);
  }
  return command;
}

function rememberKey(answers: Map<string, Answer>, answer: Answer | undefined): void {
  if (answer?.id.kind === "key") answers.set(formatHash(answer.id.key), answer);
}
