/**
 * An order replica for tests, of which there is no more than its change feed: it tells a history over a real socket.
 * Several may share one; a test decides which of them falls silent, or goes.
 */

import { term } from "../base/units.ts";
import type { Connection } from "../wire/connection.ts";
import { writeChange, writeFeedItems } from "../wire/feed.ts";
import { type Hello, helloFrame, readHello } from "../wire/hello.ts";
import { Listener } from "../wire/listener.ts";
import type { ServiceAddress } from "../wire/process.ts";
import { serviceFrames, writeLeadership } from "../wire/service.ts";
import type { History } from "./history.test-support.ts";

const itemsPerPart = 2;

export class FakeFeed {
  readonly #history: History;
  readonly #cluster: string;
  readonly #id: number;
  readonly #followers = new Set<Connection>();
  #listener: Listener | undefined;
  readonly hellos: Hello[] = [];
  /** Take connections and say nothing to anyone, as a paused process does. */
  silent = false;

  private constructor(history: History, cluster: string, id: number) {
    this.#history = history;
    this.#cluster = cluster;
    this.#id = id;
  }

  static async open(history: History, cluster: string, id: number): Promise<FakeFeed> {
    const feed = new FakeFeed(history, cluster, id);
    feed.#listener = await Listener.open({ host: "127.0.0.1", port: 0 }, (connection) => ({
      frame: (kind, body) => {
        if (kind === helloFrame) feed.hellos.push(readHello(body, feed.#cluster));
        else if (kind === serviceFrames.follow) feed.#follow(connection);
      },
      closed: () => feed.#followers.delete(connection),
    }));
    return feed;
  }

  get address(): ServiceAddress {
    return { id: this.#id, name: `order-${this.#id}`, host: "127.0.0.1", port: this.#listener?.port ?? 0 };
  }

  get followers(): number {
    return this.#followers.size;
  }

  /** Tell the history's last entry. */
  tell(): void {
    if (this.silent) return;
    const change = this.#history.change(this.#history.last.index);
    for (const connection of this.#followers) {
      connection.send(serviceFrames.change, (body) => writeChange(body, change));
    }
  }

  async close(): Promise<void> {
    await this.#listener?.close();
    this.#listener = undefined;
  }

  #follow(connection: Connection): void {
    this.#followers.add(connection);
    if (this.silent) return;
    const notice = { term: term(1), leader: undefined, leading: false };
    connection.send(serviceFrames.leadership, (body) => writeLeadership(body, notice));
    for (const part of this.#history.parts(this.#history.last.index, itemsPerPart)) {
      connection.send(serviceFrames.feedItems, (body) => writeFeedItems(body, part));
    }
  }
}
