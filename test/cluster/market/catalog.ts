/**
 * A catalog: what `src/catalog/feed.ts`, `src/catalog/inquiries.ts` and `src/catalog/main.ts` do, with the deciding parts
 * as they are.
 */
import { findItems } from "../../../src/answering/item-inquiries.ts";
import { assert, present } from "../../../src/base/assert.ts";
import type { ByteReader } from "../../../src/base/bytes.ts";
import { position } from "../../../src/base/units.ts";
import { writeCatalogItem } from "../../../src/catalog/catalog-items.ts";
import {
  type FeedFollower,
  type FeedInput,
  type FeedState,
  feedFollower,
  step,
} from "../../../src/catalog/feed-follower.ts";
import { readChange, readFeedItems } from "../../../src/wire/feed.ts";
import { readQuestions, serviceFrames } from "../../../src/wire/service.ts";
import { type Accept, Dialer, type Listener } from "./connection.ts";
import { AskerLink } from "./frontend-link.ts";
import { every, later, type Process } from "./machine.ts";
import { type AnsweringHost, answerEach, Waiters } from "./waiters.ts";
import type { MarketWorld } from "./world.ts";

/** Two ticks of the leader missed. */
const silentTicks = 2;
const looksPerSilence = 8;
const waitersLookMs = 50;

export class Catalog {
  readonly process: Process;
  readonly #world: MarketWorld;
  readonly #orders: readonly Listener[];
  readonly #first: number;
  #life: CatalogService | undefined;

  constructor(world: MarketWorld, process: Process, orders: readonly Listener[], first: number) {
    this.#world = world;
    this.process = process;
    this.#orders = orders;
    this.#first = first;
  }

  get machine(): Process {
    return this.process;
  }

  /** What it answers from; undefined: nothing yet. */
  get served(): FeedState | undefined {
    return this.process.isRunning ? this.#life?.served : undefined;
  }

  start(): void {
    if (this.process.isRunning) return;
    this.process.start();
    this.#life = new CatalogService(this.#world, this.process, this.#orders, this.#first);
  }

  kill(): void {
    if (!this.process.isRunning) return;
    this.process.kill();
    this.#world.connections.endOf(this.process);
  }

  readonly accept: Accept = (dialler, end) => {
    const life = present(this.#life, "who accepts is alive");
    const link = new AskerLink(dialler.name, end, (flush) =>
      later(this.#world.scheduler, this.process, 0, flush),
    );
    return { frame: (_kind, body) => life.ask(link, body), closed: () => {} };
  };
}

class CatalogService {
  readonly #world: MarketWorld;
  readonly #process: Process;
  readonly #orders: readonly Listener[];
  readonly #follower: FeedFollower;
  readonly #answering: AnsweringHost;
  #dialer: Dialer | undefined;
  #dials = 0;

  constructor(world: MarketWorld, process: Process, orders: readonly Listener[], first: number) {
    this.#world = world;
    this.#process = process;
    this.#orders = orders;
    const silenceMs = silentTicks * world.tickMs;
    this.#follower = feedFollower(orders.length, first, silenceMs);
    const waiters = new Waiters(0);
    this.#answering = {
      position: () => this.served?.position ?? position(0),
      now: () => process.now(),
      waiters,
      readPoint: (_go, fail) => fail("not-leader"),
      find: (inquiry) => {
        assert(inquiry.kind !== "order" && inquiry.kind !== "orders", "nobody asks for orders");
        return findItems(present(this.served, "items").items, writeCatalogItem, inquiry);
      },
      answersBelow: world.brokenMarket === "answers below the position",
    };
    const everyMs = silenceMs / looksPerSilence;
    let lookedMs = process.now();
    every(world.scheduler, process, everyMs, () => {
      const now = process.now();
      const ms = Math.min(now - lookedMs, 2 * everyMs);
      lookedMs = now;
      this.#take({ kind: "elapsed", ms });
    });
    every(world.scheduler, process, waitersLookMs, () => waiters.expire(process.now()));
    this.#dial();
  }

  get served(): FeedState | undefined {
    return this.#follower.served;
  }

  ask(link: AskerLink, body: ByteReader): void {
    answerEach(this.#answering, link.answer, readQuestions(body));
  }

  #dial(): void {
    const target = present(this.#orders[this.#follower.replica], "the replica that is followed");
    const dial = ++this.#dials;
    // A dialer that was left says nothing more.
    const isPresent = (): boolean => dial === this.#dials;
    this.#dialer = new Dialer(this.#world, this.#process, target, {
      connected: (end) => end.send(serviceFrames.follow, () => {}),
      frame: (kind, body) => {
        if (!isPresent()) return;
        if (kind === serviceFrames.feedItems) this.#take({ kind: "items", part: readFeedItems(body) });
        else this.#take({ kind: "change", change: readChange(body) });
      },
      lost: () => isPresent() && this.#take({ kind: "lost" }),
      refused: () => isPresent() && this.#take({ kind: "lost" }),
    });
  }

  #take(input: FeedInput): void {
    const decision = step(this.#follower, input);
    switch (decision.kind) {
      case "none":
        return;
      case "advanced":
        this.#process.listens = true;
        this.#answering.waiters.advance(decision.served.position);
        return;
      case "follow":
        this.#world.market.saw("a catalog followed another replica");
        this.#dials++;
        this.#dialer?.close();
        if (decision.afterMs === 0) this.#dial();
        else this.#dialAfter(decision.afterMs);
    }
  }

  #dialAfter(ms: number): void {
    const dial = this.#dials;
    later(this.#world.scheduler, this.#process, ms, () => {
      // Another decision has come in between.
      if (dial === this.#dials) this.#dial();
    });
  }
}
