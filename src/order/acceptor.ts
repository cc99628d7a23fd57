/** Whoever dials an order replica says hello first: it is a peer of the log, a front-end, a catalog or a copier. */
import { greeted } from "../answering/greeting.ts";
import { unreachable } from "../base/assert.ts";
import { type ByteReader, DecodeError } from "../base/bytes.ts";
import type { Connection } from "../wire/connection.ts";
import type { Hello } from "../wire/hello.ts";
import { readAcknowledgement, readLeaseRequest, readSession } from "../wire/lease.ts";
import type { Acceptor } from "../wire/listener.ts";
import { readQuestions, readSubmissions, serviceFrames } from "../wire/service.ts";
import { CatalogLink } from "./catalog-link.ts";
import { FrontendLink } from "./frontend-link.ts";
import type { Replica } from "./replica.ts";

/** Takes over a connection after its hello. */
export type Accept = (hello: Hello, connection: Connection) => Acceptor;

export interface AcceptorOptions {
  readonly cluster: string;
  readonly replica: Replica;
  /** Another replica of the log's group. */
  readonly acceptPeer: Accept;
  /** Another replica, to copy this one's state. */
  readonly acceptCopier: Accept;
}

export function acceptorFor(connection: Connection, options: AcceptorOptions): Acceptor {
  const { cluster, replica, acceptPeer, acceptCopier } = options;
  return greeted(connection, cluster, (hello) => {
    switch (hello.role) {
      case "order":
        return acceptPeer(hello, connection);
      case "copier":
        return acceptCopier(hello, connection);
      case "frontend":
        return frontendAcceptor(hello, connection, replica);
      case "catalog":
        return catalogAcceptor(connection, replica);
      default:
        return unreachable(hello.role);
    }
  });
}

function frontendAcceptor(hello: Hello, connection: Connection, replica: Replica): Acceptor {
  const link = new FrontendLink(hello.name, connection);
  replica.join(link);
  return {
    frame: (kind, body) => frontendFrame(replica, link, kind, body),
    closed: () => replica.leave(link),
  };
}

function frontendFrame(replica: Replica, link: FrontendLink, kind: number, body: ByteReader): void {
  switch (kind) {
    case serviceFrames.submit:
      return replica.submit(link, readSubmissions(body));
    case serviceFrames.ask:
      return replica.ask(link, readQuestions(body));
    case serviceFrames.leaseRequest:
      return replica.leases.request(link, readLeaseRequest(body));
    case serviceFrames.acknowledgement:
      return replica.leases.acknowledge(link, readAcknowledgement(body));
    case serviceFrames.leaseEnd:
      return replica.leases.end(link, readSession(body));
    default:
      throw new DecodeError(`a front-end sent a frame of kind ${kind}`);
  }
}

function catalogAcceptor(connection: Connection, replica: Replica): Acceptor {
  const link = new CatalogLink(connection);
  let follows = false;
  return {
    frame: (kind) => {
      if (kind !== serviceFrames.follow) throw new DecodeError(`a catalog sent a frame of kind ${kind}`);
      if (follows) throw new DecodeError("a catalog that follows already");
      follows = true;
      replica.feed.follow(link);
    },
    closed: () => {
      link.closed();
      replica.feed.leave(link);
    },
  };
}
