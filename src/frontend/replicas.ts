/**
 * The front-end's side of the conversation with the order replicas: one dialled connection to each, what is known of
 * their leadership, and the outbox and the inquiries that the frames go through. Everything that requests of one
 * turn of the event loop have to say leaves as one frame per replica. The catalogs, which answer questions too, are
 * asked through the same inquiries; frames of the lease are handed on.
 */
import { type ByteReader, DecodeError } from "../base/bytes.ts";
import type { Position } from "../base/units.ts";
import type { ItemRow } from "../market/rows.ts";
import { readChange } from "../wire/feed.ts";
import type { Hello } from "../wire/hello.ts";
import {
  type Invalidation,
  type LeaseGrant,
  readInvalidation,
  readLeaseGrant,
  readSession,
} from "../wire/lease.ts";
import type { FrontendConfig, ProcessEvent, ServiceAddress } from "../wire/process.ts";
import {
  type Freshness,
  type Inquiry,
  type LeadershipNotice,
  type Question,
  readAnswers,
  readLeadership,
  readResults,
  serviceFrames,
  writeQuestions,
  writeSubmissions,
} from "../wire/service.ts";
import { Catalogs } from "./catalogs.ts";
import { type AnsweredBy, Inquiries, type Whom } from "./inquiries.ts";
import { chooseLeader, type KnownLeader } from "./leadership.ts";
import { clockTimes } from "./limits.ts";
import { Links, type Peer } from "./links.ts";
import { type Admission, Outbox, type Pending, type Settlement } from "./outbox.ts";
import { readItemRows } from "./reading.ts";

/** What is done with a settled submission. */
export type Settled = (settlement: Settlement<Settled>, nowMs: number) => void;

interface Replica extends Peer {
  notice: LeadershipNotice | undefined;
}

function replicaAt(address: ServiceAddress): Replica & { link: number } {
  return { address, link: 0, notice: undefined };
}

/** Who holds a lease of the leader, and is told what concerns it. Times are fresh readings of the clock. */
export interface LeaseHolder {
  leaderChanged(leader: KnownLeader | undefined): void;
  granted(nowMs: number, link: number, grant: LeaseGrant): void;
  recalled(nowMs: number, link: number, session: number): void;
  invalidated(nowMs: number, link: number, invalidation: Invalidation): void;
  changed(nowMs: number, link: number, at: Position, rows: readonly ItemRow[]): void;
  tick(nowMs: number): void;
}

export interface ReplicasHost {
  /** Monotonic milliseconds. */
  now(): number;
  emit(event: ProcessEvent): void;
  readonly holder: LeaseHolder;
  /** What was asked is about to be sent: the last moment to ask for more. */
  sending(): void;
  /** Once per turn of the one timer, after deadlines were walked. */
  ticked(nowMs: number): void;
}

export class Replicas {
  readonly #host: ReplicasHost;
  readonly #links: Links<Replica>;
  readonly #catalogs: Catalogs;
  readonly #outbox: Outbox<Settled>;
  readonly #inquiries = new Inquiries();
  readonly #timer: NodeJS.Timeout;
  #lastLink = 0;
  #leader: KnownLeader | undefined;
  /** When a leader was last known. */
  #ledMs: number;
  #flushScheduled = false;
  #resendsReported = 0;

  constructor(
    config: Pick<FrontendConfig, "orders" | "catalogs" | "cluster" | "name">,
    incarnation: number,
    host: ReplicasHost,
  ) {
    this.#host = host;
    this.#ledMs = host.now();
    this.#outbox = new Outbox(this.#ledMs);
    const { cluster, name } = config;
    const hello: Hello = { cluster, role: "frontend", name, id: 0, incarnation };
    const nextLink = (): number => ++this.#lastLink;
    this.#links = new Links<Replica>(config.orders.map(replicaAt), hello, {
      nextLink,
      opened: ({ address }) => host.emit({ kind: "peer-connected", peer: address.name }),
      frame: (replica, kind, body) => this.#received(replica, kind, body),
      closed: (replica, link) => this.#lost(replica, link),
    });
    this.#catalogs = new Catalogs(config.catalogs, hello, {
      nextLink,
      emit: (event) => host.emit(event),
      changed: (links) => {
        this.#inquiries.catalogsChanged(links);
        this.#flush();
      },
      answered: (link, answers) => {
        const nowMs = host.now();
        for (const answer of answers) this.#inquiries.answer(nowMs, link, answer);
        if (this.#inquiries.wantsFlush) this.#scheduleFlush();
      },
    });
    this.#timer = setInterval(() => this.#tick(), clockTimes.tickMs);
  }

  /** Who leads, if anyone is known to. */
  get leader(): (KnownLeader & { readonly address: ServiceAddress }) | undefined {
    const leader = this.#leader;
    const replica = leader && this.#links.peer(leader.link);
    return leader && replica && { ...leader, address: replica.address };
  }

  /** Milliseconds since a leader was last known; 0 while one is. */
  get leaderlessMs(): number {
    return this.#leader === undefined ? this.#host.now() - this.#ledMs : 0;
  }

  get pendingOrders(): number {
    return this.#outbox.size;
  }

  get pendingReads(): number {
    return this.#inquiries.size;
  }

  get resends(): number {
    return this.#outbox.resends;
  }

  get connected(): number {
    return this.#links.size;
  }

  get connectedCatalogs(): number {
    return this.#catalogs.connected;
  }

  admits(nowMs: number, orders: number): Admission {
    return this.#outbox.admits(nowMs, orders);
  }

  /** The caller has asked `admits`. `settled` is called exactly once, by the deadline at the latest. */
  submit(nowMs: number, command: Uint8Array, settled: Settled): void {
    this.#outbox.submit(nowMs, command, settled);
    this.#scheduleFlush();
  }

  /** `answered` is called exactly once, by the deadline at the latest. */
  ask(inquiry: Inquiry, freshness: Freshness, whom: Whom, deadlineMs: number, answered: AnsweredBy): void {
    this.#inquiries.ask(inquiry, freshness, whom, deadlineMs, answered);
    this.#scheduleFlush();
  }

  /** A frame of the lease, to the replica on this link. False, and nothing was sent, if it is gone. */
  send(...[link, kind, write]: Parameters<Links<Replica>["send"]>): boolean {
    return this.#links.send(link, kind, write);
  }

  /** These are the order replicas from now on. What was sent to one that is none any more is sent again to others. */
  replicasChanged(orders: readonly ServiceAddress[]): void {
    this.#links.update(orders, replicaAt);
  }

  /** Have `sending` called soon, once for all that want it. */
  wake(): void {
    this.#scheduleFlush();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#links.close();
    this.#catalogs.close();
  }

  /**
   * A frame that cannot be read costs the connection, before anybody is told anything. What a readable frame carries
   * is opaque here, but for rows that are pushed: who asked for it decides what a damaged reply or row means to his
   * client, and throws nothing.
   */
  #received(replica: Replica, kind: number, body: ByteReader): void {
    const nowMs = this.#host.now();
    const { holder } = this.#host;
    switch (kind) {
      case serviceFrames.results:
        for (const result of readResults(body)) {
          const settlement = this.#outbox.result(nowMs, replica.link, result);
          settlement?.pending.request(settlement, nowMs);
        }
        return;
      case serviceFrames.answers:
        for (const answer of readAnswers(body)) this.#inquiries.answer(nowMs, replica.link, answer);
        if (this.#inquiries.wantsFlush) this.#scheduleFlush();
        return;
      case serviceFrames.leadership:
        replica.notice = readLeadership(body);
        this.#leadershipChanged(nowMs);
        return;
      case serviceFrames.leaseGrant:
        holder.granted(nowMs, replica.link, readLeaseGrant(body));
        return;
      case serviceFrames.leaseRecall:
        holder.recalled(nowMs, replica.link, readSession(body).session);
        return;
      case serviceFrames.invalidation:
        holder.invalidated(nowMs, replica.link, readInvalidation(body));
        return;
      case serviceFrames.change: {
        const { position, rows } = readChange(body);
        holder.changed(nowMs, replica.link, position, readItemRows(rows));
        return;
      }
      default:
        throw new DecodeError(`a frame of kind ${kind} from an order replica`);
    }
  }

  #lost(replica: Replica, link: number): void {
    const nowMs = this.#host.now();
    replica.notice = undefined;
    this.#outbox.linkLost(nowMs, link);
    this.#host.emit({ kind: "peer-lost", peer: replica.address.name });
    this.#leadershipChanged(nowMs);
  }

  #leadershipChanged(nowMs: number): void {
    const before = this.#leader;
    // A replica that has said nothing yet may be one that is stopped: its system accepts connections all the same.
    const heard = this.#links.peers.filter(({ link, notice }) => link !== 0 && notice !== undefined);
    const leader = chooseLeader(
      heard.map(({ link, address, notice }) => ({ link, replica: address.id, notice })),
    );
    if (before !== undefined) this.#ledMs = nowMs;
    this.#leader = leader;
    this.#outbox.leaderChanged(nowMs, leader);
    this.#inquiries.linksChanged(
      heard.map(({ link }) => link),
      leader?.link,
    );
    this.#host.holder.leaderChanged(leader);
    if (leader?.replica !== before?.replica || leader?.term !== before?.term)
      this.#host.emit({
        kind: "leader-seen",
        leader: leader?.replica ?? null,
        term: leader?.term ?? before?.term ?? 0,
      });
    this.#flush();
  }

  #tick(): void {
    const nowMs = this.#host.now();
    this.#host.holder.tick(nowMs);
    for (const settlement of this.#outbox.tick(nowMs)) settlement.pending.request(settlement, nowMs);
    this.#inquiries.tick(nowMs);
    this.#flush();
    const resends = this.#outbox.resends;
    if (resends !== this.#resendsReported) {
      this.#host.emit({ kind: "orders-resent", count: resends - this.#resendsReported });
      this.#resendsReported = resends;
    }
    this.#host.ticked(nowMs);
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    this.#host.sending();
    const nowMs = this.#host.now();
    if (this.#outbox.wantsFlush) this.#outbox.flush(nowMs, this.#sendSubmissions);
    if (this.#inquiries.wantsFlush) this.#inquiries.flush(nowMs, this.#sendQuestions);
  }

  readonly #sendSubmissions = (link: number, submissions: readonly Pending<Settled>[]): boolean =>
    this.#links.send(link, serviceFrames.submit, (body) => writeSubmissions(body, submissions));

  readonly #sendQuestions = (link: number, questions: readonly Question[]): boolean => {
    const known = this.#links.peer(link) === undefined ? this.#catalogs : this.#links;
    return known.send(link, serviceFrames.ask, (body) => writeQuestions(body, questions));
  };
}
