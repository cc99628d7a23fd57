/**
 * The connections between replicas. Each replica dials every other and sends only on what it dialled; what arrives on
 * an accepted connection is from whom the hello names. Nothing here is reliable: Raft repeats what gets lost.
 */
import type { ReplicaId } from "../../base/units.ts";
import { replicaId } from "../../base/units.ts";
import type { Membership } from "../../raft/membership.ts";
import type { Message } from "../../raft/message.ts";
import type { Connection } from "../../wire/connection.ts";
import { Dialer } from "../../wire/dialer.ts";
import { type Hello, helloFrame, writeHello } from "../../wire/hello.ts";
import type { Acceptor } from "../../wire/listener.ts";
import { frameKind, readMessage, writeMessage } from "./message-codec.ts";

export interface Member {
  readonly id: ReplicaId;
  readonly host: string;
  readonly port: number;
}

/** How an address stands in an entry that says who the members are. */
export function addressText({ host, port }: Pick<Member, "host" | "port">): string {
  return `${host}:${port}`;
}

function parseAddress(text: string): Pick<Member, "host" | "port"> | undefined {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  return host === undefined || port === undefined ? undefined : { host, port: Number(port) };
}

/** Everyone to be dialled: who is known, and who is a member besides and says where it is. */
export function reachable(known: readonly Member[], members: Membership): readonly Member[] {
  const others = members.flatMap(({ id, address }) => {
    const at = known.some((each) => each.id === id) ? undefined : parseAddress(address);
    return at === undefined ? [] : [{ id, ...at }];
  });
  return [...known, ...others];
}

export interface PeerEvents {
  message(message: Message): void;
  connected(peer: ReplicaId): void;
  lost(peer: ReplicaId): void;
  /** Nobody listens at the peer's address any more: its process has ended. */
  gone(peer: ReplicaId): void;
}

export class Peers {
  readonly #hello: Hello;
  readonly #self: ReplicaId;
  readonly #events: PeerEvents;
  readonly #dialers = new Map<ReplicaId, { readonly member: Member; readonly dialer: Dialer }>();
  /** The newest incarnation that said hello; what comes from an older life on an old connection is dropped. */
  readonly #accepted = new Map<
    ReplicaId,
    { readonly incarnation: number; readonly connection: Connection }
  >();

  constructor(hello: Hello, members: readonly Member[], events: PeerEvents) {
    this.#hello = hello;
    this.#self = replicaId(hello.id);
    this.#events = events;
    this.update(members);
  }

  /** From now on these are dialled, and nobody else. */
  update(members: readonly Member[]): void {
    for (const [id, { member, dialer }] of this.#dialers) {
      const same = members.find((each) => each.id === id);
      if (same?.host === member.host && same.port === member.port) continue;
      dialer.close();
      this.#dialers.delete(id);
    }
    for (const member of members)
      if (member.id !== this.#self && !this.#dialers.has(member.id)) this.#dial(member);
  }

  #dial(member: Member): void {
    const events = this.#events;
    const { id } = member;
    const dialer = new Dialer(
      { host: member.host, port: member.port, name: `order-${id}` },
      {
        connected: (connection) => {
          connection.send(helloFrame, (body) => writeHello(body, this.#hello));
          events.connected(id);
        },
        frame: () => dialer.reset(),
        lost: () => events.lost(id),
        refused: () => events.gone(id),
      },
    );
    this.#dialers.set(id, { member, dialer });
  }

  send(message: Message): void {
    this.#dialers.get(message.to)?.dialer.send(frameKind(message), (body) => writeMessage(body, message));
  }

  /** A replica of this cluster dialled in and said hello. */
  accept(hello: Hello, connection: Connection): Acceptor {
    const from = { id: replicaId(hello.id), incarnation: hello.incarnation };
    const before = this.#accepted.get(from.id);
    if (before !== undefined && before.incarnation > from.incarnation) connection.close();
    else {
      if (before !== undefined && before.connection !== connection) before.connection.close();
      this.#accepted.set(from.id, { incarnation: from.incarnation, connection });
    }
    return {
      frame: (kind, body) => this.#events.message(readMessage(kind, body, from, this.#self)),
      closed: () => {
        if (this.#accepted.get(from.id)?.connection === connection) this.#accepted.delete(from.id);
      },
    };
  }

  close(): void {
    for (const { dialer } of this.#dialers.values()) dialer.close();
    for (const { connection } of this.#accepted.values()) connection.close();
  }
}
