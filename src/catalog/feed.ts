/** The catalog's connection to the replica whose change feed it follows: does what feed-follower.ts decides. */
import { present } from "../base/assert.ts";
import { type ByteReader, DecodeError } from "../base/bytes.ts";
import { Dialer } from "../wire/dialer.ts";
import { readChange, readFeedItems } from "../wire/feed.ts";
import { type Hello, helloFrame, writeHello } from "../wire/hello.ts";
import type { ServiceAddress } from "../wire/process.ts";
import { serviceFrames } from "../wire/service.ts";
import {
  changeReplicas,
  type FeedDecision,
  type FeedFollower,
  type FeedInput,
  type FeedState,
  feedFollower,
  step,
} from "./feed-follower.ts";

export interface FeedOptions {
  /** One or more. */
  readonly orders: readonly ServiceAddress[];
  /** Which of them is followed first. */
  readonly first: number;
  readonly hello: Hello;
  readonly silenceMs: number;
  /**
   * The state to serve from here on. `from`: the replica whose feed it is, when it was another's before. What is
   * handed out changes in place with the next call.
   */
  readonly onAdvanced: (state: FeedState, from: ServiceAddress | undefined) => void;
}

/** How often in the time of a silence it is looked at. */
const looksPerSilence = 8;

export class Feed {
  readonly #options: FeedOptions;
  #orders: readonly ServiceAddress[];
  readonly #follower: FeedFollower;
  readonly #clock: NodeJS.Timeout;
  #dialer: Dialer | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(options: FeedOptions) {
    const { orders, first, silenceMs } = options;
    this.#options = options;
    this.#orders = orders;
    this.#follower = feedFollower(orders.length, first, silenceMs);
    const everyMs = silenceMs / looksPerSilence;
    let lookedMs = performance.now();
    this.#clock = setInterval(() => {
      const now = performance.now();
      // A process that was paused itself finds much time gone by in which it could not have heard anything.
      const ms = Math.min(now - lookedMs, 2 * everyMs);
      lookedMs = now;
      this.#take({ kind: "elapsed", ms });
    }, everyMs);
    this.#dial();
  }

  close(): void {
    clearInterval(this.#clock);
    clearTimeout(this.#pause);
    this.#dialer?.close();
  }

  get #replica(): ServiceAddress {
    return present(this.#orders[this.#follower.replica], "the replica that is followed");
  }

  /** These are the order replicas from now on, one or more. The one that is followed is left only if it is none of them. */
  replicasChanged(orders: readonly ServiceAddress[]): void {
    const { id, host, port } = this.#replica;
    const stays = orders.findIndex((each) => each.id === id && each.host === host && each.port === port);
    this.#orders = orders;
    this.#act(changeReplicas(this.#follower, orders.length, stays < 0 ? undefined : stays));
  }

  #dial(): void {
    this.#dialer = new Dialer(this.#replica, {
      connected: (connection) => {
        connection.send(helloFrame, (body) => writeHello(body, this.#options.hello));
        connection.send(serviceFrames.follow, () => {});
      },
      frame: (kind, body) => this.#receive(kind, body),
      lost: () => this.#take({ kind: "lost" }),
      refused: () => this.#take({ kind: "lost" }),
    });
  }

  #receive(kind: number, body: ByteReader): void {
    switch (kind) {
      case serviceFrames.feedItems:
        return this.#take({ kind: "items", part: readFeedItems(body) });
      case serviceFrames.change:
        return this.#take({ kind: "change", change: readChange(body) });
      case serviceFrames.leadership:
        return;
      default:
        throw new DecodeError(`a replica sent a catalog a frame of kind ${kind}`);
    }
  }

  #take(input: FeedInput): void {
    this.#act(step(this.#follower, input));
  }

  #act(decision: FeedDecision): void {
    switch (decision.kind) {
      case "none":
        return;
      case "advanced":
        this.#options.onAdvanced(decision.served, decision.takenOver ? this.#replica : undefined);
        return;
      case "follow":
        this.#dialer?.close();
        clearTimeout(this.#pause);
        if (decision.afterMs === 0) this.#dial();
        else this.#pause = setTimeout(() => this.#dial(), decision.afterMs);
    }
  }
}
