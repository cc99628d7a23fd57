/**
 * The front-end's side of the conversation with the order replicas: one dialled connection to each, what is known of
 * their leadership, and the outbox and the inquiries that the frames go through. Everything that requests of one
 * turn of the event loop have to say leaves as one frame per replica.
 */
import { type ByteReader, DecodeError } from "../base/bytes.ts";
import { Dialer } from "../wire/dialer.ts";
import { helloFrame, writeHello } from "../wire/hello.ts";
import type { FrontendConfig, ServiceAddress, ProcessEvent } from "../wire/process.ts";
import {
  type Freshness,
  type Inquiry,
  type LeadershipNotice,
  readAnswers,
  readLeadership,
  readResults,
  serviceFrames,
  writeQuestions,
  writeSubmissions,
} from "../wire/service.ts";
import { type Found, Inquiries } from "./inquiries.ts";
import { chooseLeader, type KnownLeader } from "./leadership.ts";
import { clockTimes } from "./limits.ts";
import { type Admission, Outbox, type Pending, type Settlement } from "./outbox.ts";

/** What is done with a settled submission. */
export type Settled = (settlement: Settlement<Settled>, nowMs: number) => void;

interface Replica {
  readonly address: ServiceAddress;
  dialer: Dialer | undefined;
  /** The number of the present connection; 0: none. */
  link: number;
  notice: LeadershipNotice | undefined;
}

export interface ReplicasHost {
  /** Monotonic milliseconds. */
  now(): number;
  emit(event: ProcessEvent): void;
  /** Once per turn of the one timer, after deadlines were walked. */
  ticked(nowMs: number): void;
}

export class Replicas {
  readonly #host: ReplicasHost;
  readonly #replicas: Replica[];
  readonly #byLink = new Map<number, Replica>();
  readonly #outbox: Outbox<Settled>;
  readonly #inquiries = new Inquiries();
  readonly #timer: NodeJS.Timeout;
  #nextLink = 1;
  #leader: KnownLeader | undefined;
  /** When a leader was last known. */
  #ledMs: number;
  #flushScheduled = false;
  #resendsReported = 0;

  constructor(
    config: Pick<FrontendConfig, "orders" | "cluster" | "name">,
    incarnation: number,
    host: ReplicasHost,
  ) {
    this.#host = host;
    this.#ledMs = host.now();
    this.#outbox = new Outbox(this.#ledMs);
    this.#replicas = config.orders.map((address) => ({
      address,
      dialer: undefined,
      link: 0,
      notice: undefined,
    }));
    const hello = {
      cluster: config.cluster,
      role: "frontend",
      name: config.name,
      id: 0,
      incarnation,
    } as const;
    for (const replica of this.#replicas) {
      replica.dialer = new Dialer(replica.address, {
        connected: (connection) => {
          connection.send(helloFrame, (body) => writeHello(body, hello));
          replica.link = this.#nextLink++;
          this.#byLink.set(replica.link, replica);
          host.emit({ kind: "peer-connected", peer: replica.address.name });
        },
        frame: (kind, body) => this.#received(replica, kind, body),
        lost: () => this.#lost(replica),
        refused: () => {},
      });
    }
    this.#timer = setInterval(() => this.#tick(), clockTimes.tickMs);
  }

  /** Who leads, if anyone is known to. */
  get leader(): (KnownLeader & { readonly address: ServiceAddress }) | undefined {
    const leader = this.#leader;
    const replica = leader && this.#byLink.get(leader.link);
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
    return this.#byLink.size;
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
  ask(
    inquiry: Inquiry,
    freshness: Freshness,
    leaderOnly: boolean,
    deadlineMs: number,
    answered: (found: Found) => void,
  ): void {
    this.#inquiries.ask(inquiry, freshness, leaderOnly, deadlineMs, answered);
    this.#scheduleFlush();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { dialer } of this.#replicas) dialer?.close();
  }

  /**
   * A frame that cannot be read costs the connection, before anybody is told anything. What a readable frame carries
   * is opaque here: who asked for it decides what a damaged reply or row means to his client, and throws nothing.
   */
  #received(replica: Replica, kind: number, body: ByteReader): void {
    const nowMs = this.#host.now();
    switch (kind) {
      case serviceFrames.results:
        for (const result of readResults(body)) {
          const settlement = this.#outbox.result(nowMs, replica.link, result);
          settlement?.pending.request(settlement, nowMs);
        }
        return;
      case serviceFrames.answers:
        for (const answer of readAnswers(body)) this.#inquiries.answer(nowMs, replica.link, answer);
        return;
      case serviceFrames.leadership:
        replica.notice = readLeadership(body);
        this.#leadershipChanged(nowMs);
        return;
      default:
        throw new DecodeError(`a frame of kind ${kind} from an order replica`);
    }
  }

  #lost(replica: Replica): void {
    const nowMs = this.#host.now();
    const { link } = replica;
    this.#byLink.delete(link);
    replica.link = 0;
    replica.notice = undefined;
    this.#outbox.linkLost(nowMs, link);
    this.#host.emit({ kind: "peer-lost", peer: replica.address.name });
    this.#leadershipChanged(nowMs);
  }

  #leadershipChanged(nowMs: number): void {
    const before = this.#leader;
    // A replica that has said nothing yet may be one that is stopped: its system accepts connections all the same.
    const heard = this.#replicas.filter(({ link, notice }) => link !== 0 && notice !== undefined);
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
    const nowMs = this.#host.now();
    if (this.#outbox.wantsFlush) this.#outbox.flush(nowMs, this.#sendSubmissions);
    if (this.#inquiries.wantsFlush)
      this.#inquiries.flush(nowMs, (link, questions) =>
        this.#send(link, serviceFrames.ask, (body) => writeQuestions(body, questions)),
      );
  }

  readonly #sendSubmissions = (link: number, submissions: readonly Pending<Settled>[]): boolean =>
    this.#send(link, serviceFrames.submit, (body) => writeSubmissions(body, submissions));

  #send(link: number, kind: number, write: Parameters<Dialer["send"]>[1]): boolean {
    return this.#byLink.get(link)?.dialer?.send(kind, write) ?? false;
  }
}
