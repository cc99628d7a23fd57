/**
 * One order replica: a deterministic market over the replicated log, its rows in a store behind it.
 *
 * Entries are applied in the order of the log and by nobody else; the leader differs only in that it forms entries
 * and knows whom to answer. What an answer says is applied, so it is committed and durable on a majority.
 */
import { assert } from "../base/assert.ts";
import { DecodeError } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { formatHash } from "../base/hash128.ts";
import type { LogIndex, Term } from "../base/units.ts";
import type { ReplicatedLog } from "../log/port.ts";
import { decodeCommand, encodeBatch, encodeCommand, encodeReply } from "../market/codec.ts";
import type { Command } from "../market/command.ts";
import type { MarketDefinition } from "../market/definition.ts";
import { counters, type Market } from "../market/market.ts";
import type { Store } from "../store/port.ts";
import type { LeadershipNotice, Question, Submission } from "../wire/service.ts";
import { Applied } from "./applied.ts";
import { type AppliedEntry, Applier, type ApplierHost } from "./applier.ts";
import { Feed } from "./feed.ts";
import type { FrontendLink } from "./frontend-link.ts";
import { answerQuestions, type InquiriesHost } from "./inquiries.ts";
import { LeaseTable, type LeaseTableHost } from "./leases.ts";
import { Proposals } from "./proposals.ts";
import { Reign } from "./reign.ts";
import { touchedBy } from "./touched.ts";

/** The leader logs a tick this often, by its monotonic clock. */
const tickMs = 1_000;

export interface ReplicaOptions {
  readonly log: ReplicatedLog;
  readonly store: Store;
  /** Changed in place; also when a copied state replaces it. */
  readonly market: Market;
  /** The log index that `market` and `store` include. */
  readonly applied: LogIndex;
  /** A copy was begun and is not installed: nothing is applied before it is. */
  readonly copying: boolean;
  /**
   * Copy another replica's state, which must include the entry at `atLeast`. When it resolves the store holds that
   * state durably; when it rejects, as it does when `signal` is aborted, nothing is under way any more.
   */
  readonly copyState: ApplierHost["copyState"];
  /** What an empty log is founded with. */
  readonly definition: MarketDefinition;
  readonly wallClock: () => number;
  readonly onFatal: (error: unknown) => void;
  readonly onApplied: (from: LogIndex, to: LogIndex) => void;
  readonly onEvent?: LeaseTableHost["onEvent"];
}

/** The token of an entry that nobody waits for. */
const nobodysToken = 0;

export class Replica {
  readonly leases: LeaseTable;
  readonly feed: Feed;
  readonly #options: ReplicaOptions;
  readonly #log: ReplicatedLog;
  readonly #market: Market;
  readonly #applied: Applied;
  readonly #proposals: Proposals;
  readonly #applier: Applier;
  readonly #inquiries: InquiriesHost;
  readonly #links = new Set<FrontendLink>();
  readonly #ticker: NodeJS.Timeout;
  readonly #applying: Promise<void>;
  /** This replica's own, of the present term: kept when it may not append for a while. */
  #reign: Reign | undefined;
  /** The term in which a reign is being established. */
  #establishing: Term | undefined;
  /** Whether the market was founded, as front-ends were told last. */
  #founded: boolean;

  constructor(options: ReplicaOptions) {
    const { log, market, store, wallClock } = options;
    this.#options = options;
    this.#log = log;
    this.#market = market;
    this.#applied = new Applied(options.applied, market.position);
    this.#founded = market.definition !== undefined;
    this.leases = new LeaseTable({
      leases: log.leases,
      reign: () => (this.#fence() === undefined ? undefined : this.#reign),
      now: () => performance.now(),
      onEvent: (event) => options.onEvent?.(event),
    });
    this.feed = new Feed({ market, applied: this.#applied, leases: this.leases });
    this.#proposals = new Proposals({
      fence: () => this.#fence(),
      append: (payload, commands, fence, token) => this.#append(payload, commands, fence, token),
      wallClock,
    });
    this.#inquiries = { market, store, applied: this.#applied, readPoint: () => this.#readPoint() };
    this.#applier = new Applier({
      log,
      store,
      market,
      applied: this.#applied,
      copying: options.copying,
      copyState: options.copyState,
      take: (token) => this.#proposals.take(token),
      onEntry: (entry) => this.#entryApplied(entry),
      onCopied: () => this.#stateCopied(),
      onBatch: options.onApplied,
    });
    log.onLeadership(() => this.#leadershipChanged());
    this.#ticker = setInterval(() => this.#tick(), tickMs);
    this.#applying = this.#applier.run().catch(options.onFatal);
    this.#leadershipChanged();
  }

  get market(): Market {
    return this.#market;
  }

  /** Whether it copies another replica's state. */
  get copying(): boolean {
    return this.#applier.copying;
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
    this.leases.leave(link);
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

  /** For status: the state hash now, and those that were published. */
  hashes(): { readonly stateHash: string; readonly hashes: { position: number; hash: string }[] } {
    return {
      stateHash: formatHash(counters(this.#market).hash),
      hashes: this.#market.hashes.map(({ position: at, hash }) => ({ position: at, hash: formatHash(hash) })),
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#proposals.abandon();
    this.#applier.close();
    await this.#log.close();
    this.#applied.close();
    await this.#applying;
    await this.#options.store.close();
  }

  /** The term under which commands may be appended: its reign is established, and the market is founded. */
  #fence(): Term | undefined {
    const { leading, term } = this.#log.leadership;
    const established = leading && this.#reign?.term === term;
    return established && this.#market.definition !== undefined ? term : undefined;
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
    if (this.#reign !== undefined && this.#reign.term !== term) {
      this.#reign = undefined;
      this.leases.forget();
    }
    if (leading) this.#establish(term);
    else this.#proposals.abandon();
    this.#announce();
  }

  /**
   * Begin a reign once all that earlier leaders appended is applied here. One that may not append for a while, because it
   * was to hand over, and then may again in the same term, is the same reign: a term has one leader, and what that one
   * appends stands in the log in its order, so whatever comes next comes behind all that it has counted.
   */
  #establish(term: Term): void {
    if (this.#reign !== undefined) {
      this.#found(this.#reign);
      return;
    }
    if (this.#establishing === term) return;
    this.#establishing = term;
    const over = (): void => {
      if (this.#establishing === term) this.#establishing = undefined;
    };
    this.#readPoint().then(
      () => {
        over();
        if (this.#log.leadership.term !== term) return;
        this.#reign = new Reign(term, this.#market.position);
        this.#found(this.#reign);
        this.#announce();
      },
      (error) => {
        // It leads no longer, or has no majority now: the next tick tries again if it leads still.
        if (!(error instanceof OperatingFailure)) throw error;
        over();
      },
    );
  }

  /** A leader whose log holds no market begins it. */
  #found(reign: Reign): void {
    if (reign.position > 0 || !this.#log.leadership.leading) return;
    const command: Command = { kind: "found", definition: this.#options.definition };
    const payload = encodeBatch(this.#options.wallClock(), [encodeCommand(command)]);
    try {
      this.#append(payload, [command], reign.term, nobodysToken);
    } catch (error) {
      // It may not append at the moment: the next tick tries again.
      if (!(error instanceof OperatingFailure)) throw error;
    }
  }

  #tick(): void {
    const { leading, term } = this.#log.leadership;
    if (!leading) return;
    if (this.#fence() === undefined) {
      this.#establish(term);
      return;
    }
    const command: Command = { kind: "tick" };
    this.#proposals.add(command, encodeCommand(command), undefined);
  }

  /** Whatever this replica appends goes through here: so it knows the position of all that it has appended. */
  #append(payload: Uint8Array, commands: readonly Command[], fence: Term, token: number): void {
    const reign = this.#reign;
    assert(reign?.term === fence, () => `an append in term ${fence}, in which there is no reign`);
    const index = this.#log.append(payload, fence, token);
    const touched = this.leases.held ? touchedBy(this.#market, commands, reign.ahead) : undefined;
    reign.appended(index, commands);
    if (touched !== undefined) this.leases.invalidate(index, reign.position, touched);
  }

  async #readPoint(): Promise<void> {
    await this.#applied.whenIndex(await this.#log.barrier());
  }

  #entryApplied({ index, term, replies, proposed, items }: AppliedEntry): void {
    if (this.#reign?.term === term) this.#reign.applied(index, this.#market.position);
    if (proposed !== undefined) {
      for (let i = 0; i < replies.length; i++) {
        const asker = proposed.askers[i];
        const reply = replies[i];
        if (asker !== undefined && reply !== undefined) asker.link.reply(asker.ticket, encodeReply(reply));
      }
    }
    this.feed.changed(index, items);
    this.#announceFounded();
  }

  #stateCopied(): void {
    this.feed.startAnew();
    this.#announceFounded();
  }

  #announceFounded(): void {
    if (this.#founded || this.#market.definition === undefined) return;
    this.#founded = true;
    this.#announce();
  }
}

function decodeSubmitted(bytes: Uint8Array): Command {
  const command = decodeCommand(bytes);
  if (command.kind === "found" || command.kind === "tick") {
    throw new DecodeError(`a front-end may not submit ${command.kind}`);
  }
  return command;
}
