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
  readonly #hello: Hello;
  readonly #host: LinksHost<P>;
  #peers: readonly P[] = [];
  readonly #dialers = new Map<P, Dialer>();
  readonly #byLink = new Map<number, { readonly peer: P; readonly dialer: Dialer }>();

  constructor(peers: readonly (P & { link: number })[], hello: Hello, host: LinksHost<P>) {
    this.#hello = hello;
    this.#host = host;
    for (const peer of peers) this.#dial(peer);
  }

  get peers(): readonly P[] {
    return this.#peers;
  }

  /** These services are dialled from now on, and no others; a link to one that stays is not touched. */
  update(
    addresses: readonly ServiceAddress[],
    peerAt: (address: ServiceAddress) => P & { link: number },
  ): void {
    const isAt = ({ address }: P, { id, host, port }: ServiceAddress): boolean =>
      address.id === id && address.host === host && address.port === port;
    for (const peer of this.#peers) if (!addresses.some((address) => isAt(peer, address))) this.#drop(peer);
    for (const address of addresses)
      if (!this.#peers.some((peer) => isAt(peer, address))) this.#dial(peerAt(address));
  }

  #dial(peer: P & { link: number }): void {
    const host = this.#host;
    const dialer: Dialer = new Dialer(peer.address, {
      connected: (connection) => {
        connection.send(helloFrame, (body) => writeHello(body, this.#hello));
        peer.link = host.nextLink();
        this.#byLink.set(peer.link, { peer, dialer });
        host.opened(peer);
      },
      frame: (kind, body) => host.frame(peer, kind, body),
      lost: () => this.#lost(peer),
      refused: () => {},
    });
    this.#peers = [...this.#peers, peer];
    this.#dialers.set(peer, dialer);
  }

  #drop(peer: P & { link: number }): void {
    this.#dialers.get(peer)?.close();
    this.#dialers.delete(peer);
    this.#peers = this.#peers.filter((each) => each !== peer);
    if (peer.link !== 0) this.#lost(peer);
  }

  #lost(peer: P & { link: number }): void {
    const { link } = peer;
    this.#byLink.delete(link);
    peer.link = 0;
    this.#host.closed(peer, link);
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
    for (const dialer of this.#dialers.values()) dialer.close();
  }
}
