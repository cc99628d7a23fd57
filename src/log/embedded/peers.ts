/**
 * The connections between replicas. Each replica dials every other and sends only on what it dialled; what arrives on
 * an accepted connection is from whom the hello names. Nothing here is reliable: Raft repeats what gets lost.
 */
import type { ReplicaId } from "../../base/units.ts";
import { replicaId } from "../../base/units.ts";
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

export interface PeerEvents {
  message(message: Message): void;
  connected(peer: ReplicaId): void;
  lost(peer: ReplicaId): void;
  /** Nobody listens at the peer's address any more: its process has ended. */
  gone(peer: ReplicaId): void;
}

export class Peers {
  readonly #self: ReplicaId;
  readonly #events: PeerEvents;
  readonly #dialers = new Map<ReplicaId, Dialer>();
  /** The newest incarnation that said hello; what comes from an older life on an old connection is dropped. */
  readonly #accepted = new Map<
    ReplicaId,
    { readonly incarnation: number; readonly connection: Connection }
  >();

  constructor(hello: Hello, members: readonly Member[], events: PeerEvents) {
    this.#self = replicaId(hello.id);
    this.#events = events;
    for (const member of members) {
      if (member.id === this.#self) continue;
      const dialer = new Dialer(
        { ...member, name: `order-${member.id}` },
        {
          connected: (connection) => {
            connection.send(helloFrame, (body) => writeHello(body, hello));
            events.connected(member.id);
          },
          frame: () => dialer.reset(),
          lost: () => events.lost(member.id),
          refused: () => events.gone(member.id),
        },
      );
      this.#dialers.set(member.id, dialer);
    }
  }

  send(message: Message): void {
    this.#dialers.get(message.to)?.send(frameKind(message), (body) => writeMessage(body, message));
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
    for (const dialer of this.#dialers.values()) dialer.close();
    for (const { connection } of this.#accepted.values()) connection.close();
  }
}
