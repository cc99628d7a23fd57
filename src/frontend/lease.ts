/**
 * The holder's side of a lease (wire/lease.ts): when to ask for it, what a grant is worth, and when it is over. It has
 * no socket, timer or clock: times are arguments, milliseconds of one monotonic clock.
 *
 * The lease is counted from when the request that it answers was *sent*: the leader counts from when it sent a round
 * that a majority confirmed, which it began before it answered; whatever was slow on the way shortens the lease and
 * never lengthens it.
 *
 * The rule about its end is strict. Once a reading of the clock is not below `until` the session is over for good,
 * though the leader may have prolonged it and the grant be waiting in a socket: whether anything happened in between
 * need then not be argued.
 */
import { assert } from "../base/assert.ts";
import { leaseTimes } from "../base/limits.ts";
import type { Position } from "../base/units.ts";
import type { LeaseGrant, LeaseRequest } from "../wire/lease.ts";
import { cacheLimits } from "./limits.ts";

/** A link, one established connection, has a number that is never used again. */
export interface LeaseLeader {
  readonly link: number;
  readonly term: number;
}

/** What a step of the lease means to whoever keeps replies under it. */
export type LeaseChange =
  /** Everything kept is to be dropped; `tell`: the leader does not know it and should be told. */
  | { readonly kind: "ended"; readonly session: number; readonly link: number; readonly tell: boolean }
  /** What is kept from here on must be at least as new as `start`. */
  | { readonly kind: "began"; readonly session: number; readonly start: Position };

interface Held {
  readonly session: number;
  readonly term: number;
  readonly link: number;
}

interface Sent {
  readonly sentMs: number;
  readonly session: number;
}

const none: readonly LeaseChange[] = [];
const never = Number.NEGATIVE_INFINITY;

export class Lease {
  #leader: LeaseLeader | undefined;
  #held: Held | undefined;
  /** The lease may be relied upon below it. */
  #untilMs = never;
  #dueMs = never;
  #lastRequest = 0;
  /** The newest request that was granted: a grant that was overtaken says nothing more. */
  #lastGranted = 0;
  /** Requests to the present leader, by number. */
  readonly #sent = new Map<number, Sent>();
  #stopped = false;

  /** Whether replies may be kept and answered at this moment. */
  holds(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** The session, over whose lapse nobody has looked yet; undefined: none. */
  get session(): number | undefined {
    return this.#held?.session;
  }

  /** The session that a frame from this link belongs to. The caller has looked for a lapse. */
  sessionOf(link: number): number | undefined {
    return this.#held?.link === link ? this.#held.session : undefined;
  }

  /** Who leads. A lost connection is one of its cases: its link is nobody's any more. */
  leaderChanged(leader: LeaseLeader | undefined): readonly LeaseChange[] {
    if (leader?.link === this.#leader?.link && leader?.term === this.#leader?.term) return none;
    if (leader?.link !== this.#leader?.link) this.#sent.clear();
    this.#leader = leader;
    this.#dueMs = never;
    const held = this.#held;
    // A grant may bring the news of a term before the notice does.
    if (held === undefined || (held.link === leader?.link && held.term >= leader.term)) return none;
    return this.#end(true);
  }

  /** To be looked at by a fresh reading before anything else is done with the lease. */
  lapse(nowMs: number): readonly LeaseChange[] {
    return this.#held === undefined || nowMs < this.#untilMs ? none : this.#end(true);
  }

  /** The request that is due, to be sent at once. The caller has looked for a lapse at the same reading. */
  request(nowMs: number): { readonly link: number; readonly request: LeaseRequest } | undefined {
    const leader = this.#leader;
    if (leader === undefined || this.#stopped || nowMs < this.#dueMs) return undefined;
    const held = this.#held;
    assert(held === undefined || nowMs < this.#untilMs, "a lapsed lease is not renewed");
    this.#dueMs = nowMs + (held === undefined ? cacheLimits.newSessionEveryMs : leaseTimes.renewEveryMs);
    const request = ++this.#lastRequest;
    const session = held?.session ?? 0;
    this.#sent.set(request, { sentMs: nowMs, session });
    this.#sent.delete(request - cacheLimits.requestsRemembered);
    return { link: leader.link, request: { request, session } };
  }

  granted(nowMs: number, link: number, grant: LeaseGrant): readonly LeaseChange[] {
    const lapsed = this.lapse(nowMs);
    const sent = this.#sent.get(grant.request);
    const leader = this.#leader;
    if (sent === undefined || leader?.link !== link || this.#stopped) return lapsed;
    if (grant.request <= this.#lastGranted || grant.term < leader.term) return lapsed;
    const held = this.#held;
    if (held !== undefined && grant.term < held.term) return lapsed;
    this.#lastGranted = grant.request;
    const untilMs = sent.sentMs + grant.remainingMs;
    if (held !== undefined && grant.session === held.session && grant.term === held.term) {
      // Each grant is good by itself: a shorter one takes nothing back.
      this.#untilMs = Math.max(this.#untilMs, untilMs);
      return lapsed;
    }
    const ended = held === undefined ? lapsed : this.#end(false);
    // Prolonged for one that has given it up, or in a term that cannot know the session.
    if (grant.session === sent.session || nowMs >= untilMs) return ended;
    this.#held = { session: grant.session, term: grant.term, link };
    this.#untilMs = untilMs;
    this.#dueMs = Math.min(this.#dueMs, sent.sentMs + leaseTimes.renewEveryMs);
    return [...ended, { kind: "began", session: grant.session, start: grant.start }];
  }

  /** The leader wants the session back, which is to be answered in any case. It is left in peace for a while. */
  recalled(nowMs: number, link: number, session: number): readonly LeaseChange[] {
    if (link !== this.#leader?.link) return none;
    // A grant that is under way yet would begin what is being ended.
    this.#lastGranted = this.#lastRequest;
    const changes = this.#held?.session === session ? this.#end(false) : none;
    this.#dueMs = nowMs + leaseTimes.leaseMs;
    return changes;
  }

  /** For good. */
  stop(): readonly LeaseChange[] {
    this.#stopped = true;
    return this.#held === undefined ? none : this.#end(true);
  }

  #end(tell: boolean): readonly LeaseChange[] {
    const held = this.#held;
    assert(held !== undefined, "a session that ends was held");
    this.#held = undefined;
    this.#untilMs = never;
    // What is over is asked for anew at once.
    this.#dueMs = never;
    return [{ kind: "ended", session: held.session, link: held.link, tell }];
  }
}
