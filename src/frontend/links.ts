/**
 * One dialled connection to each of some services. Each established connection is a *link*, with a number that is never
 * used again in this process: what was said on one that is gone cannot be taken for what is said on its successor.
 */
import type { ByteReader } from "../base/bytes.ts";
import { Dialer } from "../wire/dialer.ts";
import { type Hello, helloFrame, writeHello } from "../wire/hello.ts";
import type { ServiceAddress } from "../wire/process.ts";

/** A service, and the number of the present link to it; 0: none. */
export interface Peer {
  readonly address: ServiceAddress;
  readonly link: number;
}

export interface LinksHost<P extends Peer> {
  /** A number that no link has had. */
  nextLink(): number;
  /** The link is established, and the hello is sent. */
  opened(peer: P): void;
  frame(peer: P, kind: number, body: ByteReader): void;
  /** The peer's link was `link`, and is none now. */
  closed(peer: P, link: number): void;
}

export class Links<P extends Peer> {
  readonly peers: readonly P[];
  readonly #dialers: readonly Dialer[];
  readonly #byLink = new Map<number, { readonly peer: P; readonly dialer: Dialer }>();

  constructor(peers: readonly (P & { link: number })[], hello: Hello, host: LinksHost<P>) {
    this.peers = peers;
    this.#dialers = peers.map((peer) => {
      const dialer: Dialer = new Dialer(peer.address, {
        connected: (connection) => {
          connection.send(helloFrame, (body) => writeHello(body, hello));
          peer.link = host.nextLink();
          this.#byLink.set(peer.link, { peer, dialer });
          host.opened(peer);
        },
        frame: (kind, body) => host.frame(peer, kind, body),
        lost: () => {
          const { link } = peer;
          this.#byLink.delete(link);
          peer.link = 0;
          host.closed(peer, link);
        },
        refused: () => {},
      });
      return dialer;
    });
  }

  /** How many are established. */
  get size(): number {
    return this.#byLink.size;
  }

  peer(link: number): P | undefined {
    return this.#byLink.get(link)?.peer;
  }

  /** False, and nothing was sent, if the link is gone or takes nothing now. */
  send(link: number, kind: number, write: Parameters<Dialer["send"]>[1]): boolean {
    return this.#byLink.get(link)?.dialer.send(kind, write) ?? false;
  }

  close(): void {
    for (const dialer of this.#dialers) dialer.close();
  }
}
