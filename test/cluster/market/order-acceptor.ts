/** Whoever connects to an order replica is a front-end or a catalog: what `src/order/acceptor.ts` does. */
import { assert } from "../../../src/base/assert.ts";
import type { ByteReader } from "../../../src/base/bytes.ts";
import { CatalogLink } from "../../../src/order/catalog-link.ts";
import { readAcknowledgement, readLeaseRequest, readSession } from "../../../src/wire/lease.ts";
import { readQuestions, readSubmissions, serviceFrames } from "../../../src/wire/service.ts";
import type { End, Events } from "./connection.ts";
import { AskerLink } from "./frontend-link.ts";
import type { OrderService } from "./order.ts";

export function acceptCatalog(service: OrderService, end: End): Events {
  const link = new CatalogLink(end);
  return {
    frame: () => {
      service.catalogs.add(link);
      service.feed.follow(link);
    },
    closed: () => {
      link.closed();
      service.catalogs.delete(link);
      service.feed.leave(link);
    },
  };
}

export function acceptFrontend(service: OrderService, name: string, end: End): Events {
  const link = new AskerLink(name, end, (flush) => service.turns.atEnd(flush));
  service.join(link);
  return {
    frame: (kind, body) => takeFrame(service, link, kind, body),
    closed: () => service.leave(link),
  };
}

function takeFrame(service: OrderService, link: AskerLink, kind: number, body: ByteReader): void {
  switch (kind) {
    case serviceFrames.submit:
      return service.submit(link, readSubmissions(body));
    case serviceFrames.ask:
      return service.ask(link, readQuestions(body));
    case serviceFrames.leaseRequest:
      return service.leases.request(link, readLeaseRequest(body));
    case serviceFrames.acknowledgement:
      return service.leases.acknowledge(link, readAcknowledgement(body));
    case serviceFrames.leaseEnd:
      return service.leases.end(link, readSession(body));
    default:
      assert(false, () => `a front-end sent a frame of kind ${kind}`);
  }
}
