/**
 * What stands above the log in one life of an order replica: what `src/order/replica.ts` and `src/order/inquiries.ts` do, with leases, reigns, feeds and what an entry touches as they are, over the simulated log.
 */
import { findItems } from "../../../src/answering/item-inquiries.ts";
import { assert } from "../../../src/base/assert.ts";
import type { ByteWriter } from "../../../src/base/bytes.ts";
import { formatHash } from "../../../src/base/hash128.ts";
import { type LogIndex, logIndex, type Term } from "../../../src/base/units.ts";
import type { Leases } from "../../../src/log/port.ts";
import {
  decodeCommand,
  encodeBatch,
  encodeCommand,
  encodeReply,
  writeItem,
} from "../../../src/market/codec.ts";
import type { Command } from "../../../src/market/command.ts";
import { counters, type Item, itemRow, type Market } from "../../../src/market/market.ts";
import type { CatalogLink } from "../../../src/order/catalog-link.ts";
import { Feed } from "../../../src/order/feed.ts";
import { LeaseTable } from "../../../src/order/leases.ts";
import { Reign } from "../../../src/order/reign.ts";
import { touchedBy } from "../../../src/order/touched.ts";
import type { Effect } from "../../../src/raft/effect.ts";
import type { Entry } from "../../../src/raft/message.ts";
import { mayAppend } from "../../../src/raft/raft.ts";
import type { Touched } from "../../../src/wire/lease.ts";
import {
  type LeadershipNotice,
  type Question,
  type Submission,
  serviceFrames,
  writeLeadership,
} from "../../../src/wire/service.ts";
import type { SimReplica } from "../replica.ts";
import { type AppliedEntry, Applying } from "./applying.ts";
import type { AskerLink } from "./frontend-link.ts";
import { every } from "./machine.ts";
import type { OrderProcess } from "./order-process.ts";
import { type Proposed, Proposing } from "./proposing.ts";
import { showUncommitted } from "./rule-breaker.ts";
import { Turns } from "./turns.ts";
import { type AnsweringHost, answerEach } from "./waiters.ts";
import type { MarketWorld } from "./world.ts";

const waitersLookMs = 50;
const nobodysToken = 0;
const writeItemRow = (writer: ByteWriter, item: Item): void => writeItem(writer, itemRow(item));

interface Barrier {
  readonly go: (index: LogIndex) => void;
  readonly fail: () => void;
}

export class OrderService {
  readonly turns = new Turns();
  readonly leases: LeaseTable;
  readonly feed: Feed;
  readonly applying: Applying;
  readonly catalogs = new Set<CatalogLink>();
  readonly #world: MarketWorld;
  readonly #replica: SimReplica;
  readonly #proposing: Proposing;
  readonly #answering: AnsweringHost;
  readonly #frontends = new Set<AskerLink>();
  /** What this life has appended, by index, and what of it touched what, if anyone was told. */
  readonly #appended = new Map<number, { readonly term: Term; readonly token: number }>();
  readonly #told = new Map<number, Touched>();
  readonly #barriers = new Map<number, Barrier>();
  #reign: Reign | undefined;
  #establishing: Term | undefined;
  #founded: boolean;
  #granted: number | undefined;
  #onRecall: () => void = () => {};
  #leadershipChanged = false;

  constructor(world: MarketWorld, process: OrderProcess) {
    this.#world = world;
    this.#replica = process.replica;
    this.applying = new Applying(world, process, {
      turns: this.turns,
      proposed: (entry) => this.#proposed(entry),
      onEntry: (applied) => this.#entryApplied(applied),
      onCopied: () => this.#stateCopied(),
    });
    this.#founded = this.market.definition !== undefined;
    this.leases = new LeaseTable({
      leases: this.#logLeases,
      reign: () => (this.#fence() === undefined ? undefined : this.#reign),
      now: () => process.now(),
      onEvent: () => {},
    });
    this.feed = new Feed({ market: this.market, applied: this.applying, leases: this.leases });
    this.#proposing = new Proposing({
      fence: () => this.#fence(),
      append: (payload, commands, token) => this.#append(payload, commands, token),
      atTurnsEnd: (propose) => this.turns.atEnd(propose),
    });
    this.#answering = {
      position: () => this.market.position,
      now: () => process.now(),
      waiters: this.applying.forPosition,
      readPoint: (go, fail) => this.#readPoint(go, () => fail("not-leader")),
      find: (inquiry) => {
        assert(inquiry.kind !== "order" && inquiry.kind !== "orders", "nobody asks for orders");
        return findItems(this.market, writeItemRow, inquiry);
      },
      answersBelow: false,
    };
    every(world.scheduler, process, world.tickMs, () => this.#tick());
    every(world.scheduler, process, waitersLookMs, () => this.applying.forPosition.expire(process.now()));
  }

  get market(): Market {
    return this.applying.market;
  }

  // From the log.

  effect(effect: Effect): void {
    switch (effect.kind) {
      case "lease-granted":
        this.#granted = effect.remainingMs;
        return;
      case "leases-recalled":
        this.#onRecall();
        return;
      case "leadership":
        this.#leadershipChanged = true;
        return;
      case "read-ready":
        for (const id of effect.ids) this.turns.atEnd(() => this.#takeBarrier(id)?.go(effect.index));
        return;
      case "read-refused":
        for (const id of effect.ids) this.turns.atEnd(() => this.#takeBarrier(id)?.fail());
        return;
      default:
    }
  }

  /** A step of the log's core is over, with all of its effects. */
  stepped(): void {
    this.turns.run(() => {
      this.applying.handOut(this.#replica.running.delivered);
      if (!this.#leadershipChanged) return;
      this.#leadershipChanged = false;
      this.#announceLeadership();
    });
  }

  /** The store holds another replica's state. */
  installed(): void {
    if (this.catalogs.size > 0) this.#world.market.saw("a state was copied under a catalog's feed");
    this.turns.run(() => this.applying.installed());
  }

  readonly #logLeases: Leases = {
    grant: (holder, fresh) => {
      this.#granted = undefined;
      this.#replica.handle({ kind: "lease", holder, fresh });
      return this.#granted;
    },
    acknowledge: (holder, through) => this.#replica.handle({ kind: "lease-acknowledged", holder, through }),
    end: (holder) => this.#replica.handle({ kind: "lease-ended", holder }),
    onRecall: (listener) => {
      this.#onRecall = listener;
    },
  };

  #readPoint(go: () => void, fail: () => void): void {
    const id = this.#world.oracle.nextRead;
    const never = Number.POSITIVE_INFINITY;
    this.#barriers.set(id, { go: (index) => this.applying.forIndex.when(index, never, go, fail), fail });
    this.#replica.read(id);
  }

  #takeBarrier(id: number): Barrier | undefined {
    const barrier = this.#barriers.get(id);
    this.#barriers.delete(id);
    return barrier;
  }

  // What was applied.

  #proposed({ index, term }: Entry): Proposed | undefined {
    const appended = this.#appended.get(index);
    this.#appended.delete(index);
    return appended?.term === term ? this.#proposing.take(appended.token) : undefined;
  }

  #entryApplied({ entry: { index, term }, replies, proposed, items }: AppliedEntry): void {
    if (this.#reign?.term === term) this.#reign.applied(index, this.market.position);
    const touched = this.#told.get(index);
    this.#told.delete(index);
    replies.forEach((reply, i) => {
      const asker = proposed?.askers[i];
      if (asker !== undefined) asker.link.reply(asker.ticket, encodeReply(reply));
      const refusedForStock = reply.kind === "refused" && reply.refusal.reason === "insufficient-stock";
      if (refusedForStock && touched?.kind === "items" && touched.items.length > 0)
        this.#world.market.saw("a refused order touched an item");
    });
    this.feed.changed(index, items);
    this.#announceFounded();
  }

  #stateCopied(): void {
    this.feed.startAnew();
    this.#announceFounded();
  }

  // Leading.

  #fence(): Term | undefined {
    const raft = this.#replica.running;
    const established = mayAppend(raft) && this.#reign?.term === raft.term;
    return established && this.market.definition !== undefined ? raft.term : undefined;
  }

  #announceLeadership(): void {
    const raft = this.#replica.running;
    if (this.#reign !== undefined && this.#reign.term !== raft.term) {
      this.#reign = undefined;
      this.leases.forget();
    }
    if (mayAppend(raft)) this.#establish(raft.term);
    else this.#proposing.abandon();
    this.#announce();
  }

  #establish(term: Term): void {
    if (this.#reign !== undefined) return this.#found(this.#reign);
    if (this.#establishing === term) return;
    this.#establishing = term;
    const over = (): void => {
      if (this.#establishing === term) this.#establishing = undefined;
    };
    this.#readPoint(() => {
      over();
      if (this.#replica.running.term !== term) return;
      this.#reign = new Reign(term, this.market.position);
      this.#found(this.#reign);
      this.#announce();
    }, over);
  }

  #found(reign: Reign): void {
    if (reign.position > 0 || !mayAppend(this.#replica.running)) return;
    const command: Command = { kind: "found", definition: this.#world.definition };
    this.#append(encodeBatch(0, [encodeCommand(command)]), [command], nobodysToken);
  }

  #tick(): void {
    const raft = this.#replica.running;
    if (!mayAppend(raft)) return;
    if (this.#fence() === undefined) return this.#establish(raft.term);
    if (!this.#world.ticking) return;
    const command: Command = { kind: "tick" };
    this.#proposing.add(command, encodeCommand(command), undefined);
  }

  #append(payload: Uint8Array, commands: readonly Command[], token: number): void {
    const reign = this.#reign;
    const raft = this.#replica.running;
    assert(reign?.term === raft.term && mayAppend(raft), "an append without a reign");
    const index = logIndex(raft.log.lastIndex + 1);
    this.#appended.set(index, { term: raft.term, token });
    this.#replica.handle({ kind: "propose", payload });
    assert(raft.log.lastIndex === index, "what is proposed is appended");
    const { oracle, brokenMarket } = this.#world;
    oracle.appended(commands);
    const touched = this.leases.held ? touchedBy(this.market, commands, reign.ahead) : undefined;
    reign.appended(index, commands);
    if (touched !== undefined) {
      this.#told.set(index, touched);
      this.leases.invalidate(index, reign.position, touched);
    }
    if (brokenMarket === "commits without acknowledgements")
      for (const holder of [...(raft.reign?.leases.keys() ?? [])]) this.#logLeases.acknowledge(holder, index);
    if (brokenMarket === "shows what is not committed" && index === this.applying.index + 1)
      showUncommitted(this, oracle, index, commands);
  }

  // Conversations.

  #announce(): void {
    for (const link of this.#frontends) this.#tellOfLeadership(link);
  }

  #tellOfLeadership(link: AskerLink): void {
    const { term, leader } = this.#replica.running;
    const notice: LeadershipNotice = { term, leader, leading: this.#fence() !== undefined };
    link.send(serviceFrames.leadership, (body) => writeLeadership(body, notice));
  }

  #announceFounded(): void {
    if (this.#founded || this.market.definition === undefined) return;
    this.#founded = true;
    this.#announce();
  }

  join(link: AskerLink): void {
    this.#frontends.add(link);
    this.#tellOfLeadership(link);
  }

  leave(link: AskerLink): void {
    this.#frontends.delete(link);
    this.leases.leave(link);
  }

  submit(link: AskerLink, submissions: readonly Submission[]): void {
    for (const { ticket, command } of submissions) {
      if (this.#fence() === undefined) link.fail(ticket, "not-leader");
      else this.#proposing.add(decodeCommand(command), command, { link, ticket });
    }
  }

  ask(link: AskerLink, questions: readonly Question[]): void {
    answerEach(this.#answering, link.answer, questions);
  }
}

/** What two markets must have in common. */
export function stateHashOf(market: Market): string {
  return formatHash(counters(market).hash);
}
