/**
 * A front-end: what `src/frontend/replicas.ts`, `src/frontend/catalogs.ts`, `src/frontend/main.ts` and
 * `src/frontend/http.ts` do, around the deciding parts as they are: leased reads, hits, item reads and look-ups, barriers,
 * inquiries and the outbox.
 */
import { assert } from "../../../src/base/assert.ts";
import type { ByteReader } from "../../../src/base/bytes.ts";
import { Barriers } from "../../../src/frontend/barriers.ts";
import type { Desk } from "../../../src/frontend/desk.ts";
import type { Exchange } from "../../../src/frontend/exchange.ts";
import { createHits } from "../../../src/frontend/hits.ts";
import { type AnsweredBy, Inquiries, type Whom } from "../../../src/frontend/inquiries.ts";
import { listItems, lookUpItem } from "../../../src/frontend/item-lookups.ts";
import {
  askBarrier,
  askLeased,
  failRead,
  readBehindBarrier,
  showMiss,
} from "../../../src/frontend/item-reads.ts";
import { chooseLeader } from "../../../src/frontend/leadership.ts";
import { clockTimes } from "../../../src/frontend/limits.ts";
import { createMetrics } from "../../../src/frontend/metrics.ts";
import { Outbox, type Pending, type Settlement } from "../../../src/frontend/outbox.ts";
import { readItemRows } from "../../../src/frontend/reading.ts";
import { createRenderer } from "../../../src/frontend/rendering.ts";
import { decodeReply } from "../../../src/market/codec.ts";
import type { Reply } from "../../../src/market/reply.ts";
import { readChange } from "../../../src/wire/feed.ts";
import {
  readInvalidation,
  readLeaseGrant,
  readSession,
  writeAcknowledgement,
  writeLeaseRequest,
  writeSession,
} from "../../../src/wire/lease.ts";
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
} from "../../../src/wire/service.ts";
import { Dialer, type Listener } from "./connection.ts";
import { every, later, type Process } from "./machine.ts";
import { type Answer, Response } from "./response.ts";
import { WatchedReads } from "./watched-reads.ts";
import type { MarketWorld } from "./world.ts";

export const resource = "goods";
export const pages = [`/${resource}`, `/${resource}?topic=Home`];

/** What a shopper is told of an order; undefined: there was no answer in time. */
export type Settled = (reply: Reply | undefined) => void;

interface Peer {
  readonly replica: number;
  readonly dialer: Dialer;
  notice: LeadershipNotice | undefined;
}

export class FrontendService {
  readonly #world: MarketWorld;
  readonly #process: Process;
  readonly #reads: WatchedReads;
  readonly #desk: Desk;
  readonly #hits: ReturnType<typeof createHits>;
  readonly #outbox: Outbox<Settled>;
  readonly #inquiries = new Inquiries();
  readonly #orders = new Map<number, Peer>();
  readonly #catalogs = new Map<number, Dialer>();
  #lastLink = 0;
  #flushScheduled = false;

  constructor(
    world: MarketWorld,
    process: Process,
    orders: readonly Listener[],
    catalogs: readonly Listener[],
  ) {
    this.#world = world;
    this.#process = process;
    this.#outbox = new Outbox(process.now());
    this.#reads = this.#watchedReads();
    this.#desk = this.#makeDesk();
    this.#hits = createHits(this.#desk);
    for (const order of orders) this.#dialOrder(order);
    for (const catalog of catalogs) this.#dialCatalog(catalog);
    every(world.scheduler, process, clockTimes.tickMs, () => this.#tick());
  }

  get holdsLease(): boolean {
    return this.#reads.holds(this.#process.now());
  }

  read(url: string, answered: (answer: Answer) => void): void {
    const response = new Response(answered) as unknown as Exchange["response"];
    if (this.#hits(url, response)) return;
    const request = { url, rawHeaders: [] } as unknown as Exchange["request"];
    const exchange: Exchange = { request, response, startedMs: this.#process.now() };
    const mark = url.indexOf("?");
    const path = mark === -1 ? url : url.slice(0, mark);
    const query = mark === -1 ? "" : url.slice(mark + 1);
    if (path === `/${resource}`) listItems(this.#desk, exchange, query);
    else lookUpItem(this.#desk, exchange, path.slice(path.lastIndexOf("/") + 1), query);
  }

  order(command: Uint8Array, settled: Settled): void {
    const nowMs = this.#process.now();
    if (this.#outbox.admits(nowMs, 1) !== "open") return settled(undefined);
    this.#outbox.submit(nowMs, command, settled);
    this.#scheduleFlush();
  }

  #watchedReads(): WatchedReads {
    const { scheduler } = this.#world;
    return new WatchedReads(
      this.#world,
      resource,
      pages,
      {
        sendRequest: (link, request) =>
          this.#orders
            .get(link)
            ?.dialer.send(serviceFrames.leaseRequest, (body) => writeLeaseRequest(body, request)),
        sendAcknowledgement: (link, acknowledgement) =>
          this.#orders
            .get(link)
            ?.dialer.send(serviceFrames.acknowledgement, (body) =>
              writeAcknowledgement(body, acknowledgement),
            ),
        sendEnd: (link, session) =>
          this.#orders
            .get(link)
            ?.dialer.send(serviceFrames.leaseEnd, (body) => writeSession(body, { session })),
        ask: (asking) => askLeased(this.#desk, asking),
        show: (read, content, source) => showMiss(this.#desk, read, content, source),
        fail: (read) => failRead(this.#desk, read),
        unleased: (read) => readBehindBarrier(this.#desk, read),
        ended: () => {},
      },
      (run) => later(scheduler, this.#process, scheduler.random() * 30, run),
      () => this.#process.now(),
    );
  }

  /** As much of a desk as reads use. */
  #makeDesk(): Desk {
    const replicas = {
      ask: (inquiry: Inquiry, freshness: Freshness, whom: Whom, deadlineMs: number, answered: AnsweredBy) => {
        this.#inquiries.ask(inquiry, freshness, whom, deadlineMs, answered);
        this.#scheduleFlush();
      },
      wake: () => this.#scheduleFlush(),
      leaderlessMs: 0,
    };
    const desk = {
      resource,
      replicas,
      reads: this.#reads,
      barriers: new Barriers(),
      renderer: createRenderer("USD"),
      metrics: createMetrics(),
      now: () => this.#process.now(),
    };
    return desk as unknown as Desk;
  }

  #dialOrder(target: Listener): void {
    let link = 0;
    const dialer: Dialer = new Dialer(this.#world, this.#process, target, {
      connected: () => {
        link = ++this.#lastLink;
        this.#orders.set(link, { replica: target.machine.id, dialer, notice: undefined });
      },
      frame: (kind, body) => this.#received(link, kind, body),
      lost: () => {
        const nowMs = this.#process.now();
        this.#orders.delete(link);
        this.#outbox.linkLost(nowMs, link);
        this.#leadershipChanged(nowMs, "loss");
      },
      refused: () => {},
    });
  }

  #dialCatalog(target: Listener): void {
    let link = 0;
    const changed = (): void => {
      this.#inquiries.catalogsChanged([...this.#catalogs.keys()]);
      this.#flush();
    };
    const dialer: Dialer = new Dialer(this.#world, this.#process, target, {
      connected: () => {
        link = ++this.#lastLink;
        this.#catalogs.set(link, dialer);
        changed();
      },
      frame: (_kind, body) => this.#answered(link, body),
      lost: () => {
        this.#catalogs.delete(link);
        changed();
      },
      refused: () => {},
    });
  }

  #received(link: number, kind: number, body: ByteReader): void {
    const nowMs = this.#process.now();
    const reads = this.#reads;
    switch (kind) {
      case serviceFrames.results:
        for (const result of readResults(body)) this.#settle(this.#outbox.result(nowMs, link, result));
        return;
      case serviceFrames.answers:
        return this.#answered(link, body);
      case serviceFrames.leadership: {
        const peer = this.#orders.get(link);
        if (peer !== undefined) peer.notice = readLeadership(body);
        return this.#leadershipChanged(nowMs, "term");
      }
      case serviceFrames.leaseGrant:
        return reads.granted(nowMs, link, readLeaseGrant(body));
      case serviceFrames.leaseRecall:
        return reads.recalled(nowMs, link, readSession(body).session);
      case serviceFrames.invalidation:
        return reads.invalidated(nowMs, link, readInvalidation(body));
      case serviceFrames.change: {
        const { position, rows } = readChange(body);
        return reads.changed(nowMs, link, position, readItemRows(rows));
      }
      default:
        assert(false, () => `a frame of kind ${kind} from an order replica`);
    }
  }

  #answered(link: number, body: ByteReader): void {
    const nowMs = this.#process.now();
    for (const answer of readAnswers(body)) this.#inquiries.answer(nowMs, link, answer);
    if (this.#inquiries.wantsFlush) this.#scheduleFlush();
  }

  #settle(settlement: Settlement<Settled> | undefined): void {
    if (settlement === undefined) return;
    const { outcome, pending } = settlement;
    pending.request(outcome.kind === "reply" ? decodeReply(outcome.reply) : undefined);
  }

  #leadershipChanged(nowMs: number, cause: "loss" | "term"): void {
    const heard = [...this.#orders].filter(([, { notice }]) => notice !== undefined);
    const leader = chooseLeader(heard.map(([link, { replica, notice }]) => ({ link, replica, notice })));
    this.#outbox.leaderChanged(nowMs, leader);
    this.#inquiries.linksChanged(
      heard.map(([link]) => link),
      leader?.link,
    );
    this.#reads.leaderChanged(cause, leader);
    this.#flush();
  }

  #tick(): void {
    const nowMs = this.#process.now();
    this.#reads.tick(nowMs);
    for (const settlement of this.#outbox.tick(nowMs)) this.#settle(settlement);
    this.#inquiries.tick(nowMs);
    this.#flush();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    later(this.#world.scheduler, this.#process, 0, () => {
      this.#flushScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    askBarrier(this.#desk);
    const nowMs = this.#process.now();
    if (this.#outbox.wantsFlush) this.#outbox.flush(nowMs, this.#sendSubmissions);
    if (this.#inquiries.wantsFlush) this.#inquiries.flush(nowMs, this.#sendQuestions);
  }

  readonly #sendSubmissions = (link: number, submissions: readonly Pending<Settled>[]): boolean =>
    this.#orders
      .get(link)
      ?.dialer.send(serviceFrames.submit, (body) => writeSubmissions(body, submissions)) === true;

  readonly #sendQuestions = (link: number, questions: readonly Question[]): boolean => {
    const dialer = this.#orders.get(link)?.dialer ?? this.#catalogs.get(link);
    return dialer?.send(serviceFrames.ask, (body) => writeQuestions(body, questions)) === true;
  };
}
