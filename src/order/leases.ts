/**
 * The leader's side of leases: which front-end holds which session, and what it is told. The log decides whether a
 * lease is live and holds commits back for it; here is only the conversation (wire/lease.ts).
 *
 * A session is one holder of the log's, and belongs to one connection. A connection that ends takes the session along
 * but not the lease: its front-end may not know yet, and answers from its cache until the lease ends by time. The log
 * waits for that.
 */
import { ByteWriter } from "../base/bytes.ts";
import { leaseTimes } from "../base/limits.ts";
import { type LogIndex, logIndex, type Position } from "../base/units.ts";
import type { Leases } from "../log/port.ts";
import {
  type Acknowledgement,
  type LeaseEnd,
  type LeaseRequest,
  type Touched,
  writeInvalidation,
  writeLeaseGrant,
  writeSession,
} from "../wire/lease.ts";
import type { ProcessEvent } from "../wire/process.ts";
import { serviceFrames } from "../wire/service.ts";
import type { FrontendLink } from "./frontend-link.ts";
import { HolderRecords, slowHolders } from "./holder-record.ts";
import type { Reign } from "./reign.ts";

export interface LeaseTableHost {
  readonly leases: Leases;
  /** The reign under which leases may be granted; `undefined`: none may. */
  reign(): Reign | undefined;
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Of a session's beginning and end, not of its renewals. */
  onEvent(event: Extract<ProcessEvent, { kind: "lease-granted" | "lease-ended" }>): void;
}

/** Where a front-end is told; one that does not read is cut off. */
type LeaseLink = Pick<FrontendLink, "name" | "send">;

interface Session {
  /** Of the holder, for the log as for the front-end. */
  readonly number: number;
  readonly start: Position;
  /** When its lease is over, in the front-end's own reckoning and by a slower clock than ours, unless it is renewed. */
  until: number;
  /** Whether the front-end has shown that it knows of the session. */
  known: boolean;
  /** An invalidation that it has not acknowledged, and when it was sent: one at a time is watched. */
  watched: { readonly index: LogIndex; readonly at: number } | undefined;
}

export class LeaseTable {
  readonly #host: LeaseTableHost;
  readonly #sessions = new Map<LeaseLink, Session>();
  /** Counts over all reigns of this process: a number is never used again. */
  #lastNumber = 0;
  readonly #records = new HolderRecords();
  /** The invalidation that was sent last. */
  #newest = { index: logIndex(0), at: 0 };
  /** Used for every invalidation. */
  readonly #body = new ByteWriter(1_024);

  constructor(host: LeaseTableHost) {
    this.#host = host;
    host.leases.onRecall(() => this.#recall());
  }

  /** Whether anyone may hold a lease: otherwise there is nobody to tell. */
  get held(): boolean {
    return this.#sessions.size > 0;
  }

  /** Goes on with the session that is asked for or begins a new one. Not answered if neither can be. */
  request(link: LeaseLink, { request, session }: LeaseRequest): void {
    const reign = this.#host.reign();
    if (reign === undefined) return;
    const now = this.#host.now();
    const last = this.#sessions.get(link);
    if (last !== undefined && last.until <= now) this.#lapsed(link);
    else if (last !== undefined) this.#judge(link, last);
    if (!this.#records.admits(link.name, now)) return;
    const held = this.#sessions.get(link);
    if (held?.number === session) {
      held.known = true;
      const remainingMs = this.#host.leases.grant(session, false);
      if (remainingMs !== undefined) {
        this.#grant(link, request, held, remainingMs, reign);
        return;
      }
    } else if (held !== undefined && !held.known) {
      // Its grant is on its way. A second session on the connection would leave nobody to acknowledge for the first.
      return;
    }
    const number = ++this.#lastNumber;
    const remainingMs = this.#host.leases.grant(number, true);
    // What could not go on stays until its time is over: the front-end relies on it until then.
    if (remainingMs === undefined) return;
    if (held !== undefined) this.leave(link);
    const begun: Session = { number, start: reign.position, until: 0, known: false, watched: undefined };
    this.#sessions.set(link, begun);
    this.#grant(link, request, begun, remainingMs, reign);
    this.#host.onEvent({ kind: "lease-granted", holder: link.name, session: number });
  }

  acknowledge(link: LeaseLink, { session, index }: Acknowledgement): void {
    const held = this.#sessions.get(link);
    if (held?.number !== session) return;
    held.known = true;
    if (held.watched !== undefined && held.watched.index <= index) {
      this.#judge(link, held);
      held.watched = index < this.#newest.index ? this.#newest : undefined;
    }
    this.#host.leases.acknowledge(session, index);
  }

  /** Whether it keeps writes waiting: then it is left without a lease for a while. */
  #judge(link: LeaseLink, { watched, known, until }: Session): void {
    const now = this.#host.now();
    const slow = watched !== undefined && now - watched.at > slowHolders.slowMs;
    // A session that was over before its holder knew of it kept writes waiting for nobody's sake.
    if (slow || (!known && now >= until)) this.#records.wasSlow(link.name, now);
  }

  /** The front-end has given its session up. */
  end(link: LeaseLink, { session }: LeaseEnd): void {
    if (this.#sessions.get(link)?.number !== session) return;
    this.#host.leases.end(session);
    this.leave(link);
  }

  /** The link has a session no more: its lease ends by time. */
  leave(link: LeaseLink): void {
    const held = this.#sessions.get(link);
    if (held === undefined) return;
    this.#sessions.delete(link);
    this.#host.onEvent({ kind: "lease-ended", holder: link.name, session: held.number });
  }

  /** Another reign begins: what this replica granted in the last one is none of its business any more. */
  forget(): void {
    for (const link of [...this.#sessions.keys()]) this.leave(link);
  }

  /** An entry was appended: every holder must drop what it touches. */
  invalidate(index: LogIndex, position: Position, touched: Touched): void {
    this.#body.reset();
    writeInvalidation(this.#body, { index, position, touched });
    this.tell(serviceFrames.invalidation, this.#body.peek());
    this.#newest = { index, at: this.#host.now() };
    for (const session of this.#sessions.values()) session.watched ??= this.#newest;
  }

  /** Send a frame of this body to everyone whose lease may be live. */
  tell(kind: number, body: Uint8Array): void {
    const now = this.#host.now();
    for (const [link, { until }] of this.#sessions) {
      // Paused, perhaps: what it is not told any more need not queue for it.
      if (until <= now) this.#lapsed(link);
      else link.send(kind, (frame) => frame.raw(body));
    }
  }

  #lapsed(link: LeaseLink): void {
    const held = this.#sessions.get(link);
    if (held !== undefined) this.#judge(link, held);
    this.leave(link);
  }

  #grant(link: LeaseLink, request: number, session: Session, remainingMs: number, { term }: Reign): void {
    session.until = this.#host.now() + remainingMs * leaseTimes.driftMargin;
    const { number, start } = session;
    const grant = { request, term, session: number, remainingMs, start };
    link.send(serviceFrames.leaseGrant, (body) => writeLeaseGrant(body, grant));
  }

  #recall(): void {
    for (const [link, { number }] of this.#sessions) {
      link.send(serviceFrames.leaseRecall, (body) => writeSession(body, { session: number }));
    }
  }
}
