/**
 * Somebody outside the group who keeps what it reads, as a front-end does: it asks whoever it believes leads for a
 * lease, counts it on a clock of its own that runs a little too fast or too slow, from when it *asked*, acknowledges
 * what it is told, and answers from its cache only in a session whose lease has not lapsed.
 */
import { assert, present } from "../../src/base/assert.ts";
import { leaseTimes } from "../../src/base/limits.ts";
import type { ReplicaId } from "../../src/base/units.ts";
import { Link, type ToHolder } from "./link.ts";
import type { SimReplica } from "./replica.ts";
import type { World } from "./world.ts";

interface Session {
  readonly link: Link;
  readonly number: number;
  readonly start: number;
  acknowledged: number;
  /** By the holder's clock. */
  until: number;
}

/** What a holder knows of a connection besides its session. */
interface Contact {
  readonly link: Link;
  /** The newest session that it was ever told of: none before it is live, whatever arrives late. */
  newestSession: number;
  readonly sentAt: Map<number, number>;
}

/** Requests of a connection whose answers are waited for. */
const requestsKept = 64;
/** Whoever has granted nothing for so long is taken to lead no more. */
const unansweredMs = 150;

export class SimHolder {
  readonly id: number;
  readonly #world: World;
  readonly #rate: number;
  readonly #offset: number;
  #life = 0;
  #running = true;
  #paused = false;
  #inbox: (() => void)[] = [];
  #session: Session | undefined;
  readonly #contacts = new Map<ReplicaId, Contact>();
  #lastRequest = 0;
  #believed: SimReplica;
  #answeredAt = 0;

  constructor(id: number, world: World, rate: number) {
    this.id = id;
    this.#world = world;
    this.#rate = rate;
    this.#offset = world.scheduler.between(0, 1_000_000);
    this.#believed = world.scheduler.pick(world.replicas);
    this.#scheduleRequest();
  }

  get isRunning(): boolean {
    return this.#running;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Whether it would answer from its cache at this very moment, or once it wakes. */
  get wouldAnswer(): boolean {
    return this.#running && this.#session !== undefined && this.#clock() < this.#session.until;
  }

  /** Of everything up to here it knows that it happened. */
  get floor(): number {
    const session = present(this.#session, "a session");
    return Math.max(session.start, session.acknowledged);
  }

  crash(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#paused = false;
    this.#life++;
    this.#inbox = [];
    this.#session = undefined;
    for (const { link } of this.#contacts.values()) link.close();
    this.#contacts.clear();
    this.#world.scheduler.trace(() => `holder ${this.id} is killed`);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#scheduleRequest();
  }

  pause(): void {
    if (!this.#running) return;
    this.#paused = true;
    this.#world.scheduler.trace(() => `holder ${this.id} is paused`);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#world.scheduler.trace(() => `holder ${this.id} wakes`);
    const inbox = this.#inbox;
    this.#inbox = [];
    for (const run of inbox) run();
  }

  /** Every connection of its own is reset, or only one. */
  disconnect(from: ReplicaId): void {
    this.#contacts.get(from)?.link.close();
  }

  receive(link: Link, message: ToHolder): void {
    const contact = this.#contacts.get(link.replica.id);
    // Of an earlier life, or of a connection that is known to be over.
    if (contact?.link !== link) return;
    if (this.#paused) {
      this.#inbox.push(() => this.receive(link, message));
      return;
    }
    this.#lapse();
    switch (message.kind) {
      case "grant":
        return this.#granted(contact, message);
      case "invalidation":
        return this.#invalidated(link, message.index, message.before);
      case "recall":
        if (message.session >= (this.#sessionOf(link)?.number ?? 0)) this.#end(link);
        contact.newestSession = Math.max(contact.newestSession, message.session);
        this.#world.sometimes.saw("a session was recalled");
        return link.sendToLeader({ kind: "ended", session: message.session });
      case "closed":
        this.#end(link);
        this.#contacts.delete(link.replica.id);
        return;
    }
  }

  #clock(): number {
    return this.#offset + this.#world.scheduler.now * this.#rate;
  }

  #sessionOf(link: Link): Session | undefined {
    return this.#session?.link === link ? this.#session : undefined;
  }

  #end(link: Link): void {
    if (this.#sessionOf(link) !== undefined) this.#session = undefined;
  }

  #lapse(): void {
    const session = this.#session;
    if (session === undefined || this.#clock() < session.until) return;
    this.#session = undefined;
    const { sometimes, scheduler } = this.#world;
    scheduler.trace(() => `holder ${this.id}: session ${session.number} lapsed`);
    const { replica } = session.link;
    const waits = replica.leads && replica.running.commit < replica.running.log.lastIndex;
    const lease = waits ? replica.running.reign?.leases.get(session.number) : undefined;
    if (lease !== undefined && lease.acknowledged < replica.running.log.lastIndex)
      sometimes.saw("a lease lapsed at its holder while entries waited for it");
  }

  #granted(contact: Contact, grant: ToHolder & { readonly kind: "grant" }): void {
    const { link } = contact;
    const { scheduler, invariants } = this.#world;
    const sentAt = contact.sentAt.get(grant.request);
    if (sentAt === undefined) return;
    const from = this.#world.broken === "counts from the answer" ? this.#clock() : sentAt;
    const until = from + grant.remainingMs;
    this.#answeredAt = this.#clock();
    scheduler.trace(
      () =>
        `holder ${this.id} <- ${link.replica.id} grant ${JSON.stringify(grant)}: ${until - this.#clock()}`,
    );
    const session = this.#sessionOf(link);
    if (session?.number === grant.session) {
      session.until = Math.max(session.until, until);
      return;
    }
    // The session was over before, or it comes too late to begin.
    if (grant.session <= contact.newestSession) return;
    contact.newestSession = grant.session;
    const former = this.#session;
    this.#session = undefined;
    if (former !== undefined && former.link !== link)
      former.link.sendToLeader({ kind: "ended", session: former.number });
    if (until <= this.#clock()) return;
    const { start } = grant;
    this.#session = { link, number: grant.session, start, acknowledged: start, until };
    this.#world.sometimes.saw("a session began");
    invariants.mayAnswer(this);
  }

  #invalidated(link: Link, index: number, before: number): void {
    const session = this.#sessionOf(link);
    if (session === undefined || index <= session.start) return;
    assert(before <= session.acknowledged, () => `holder ${this.id} misses what is before ${index}`);
    session.acknowledged = index;
    link.sendToLeader({ kind: "acknowledged", session: session.number, index });
  }

  #scheduleRequest(): void {
    const { scheduler } = this.#world;
    const life = this.#life;
    scheduler.after((leaseTimes.renewEveryMs * (0.8 + 0.4 * scheduler.random())) / this.#rate, () => {
      if (this.#life !== life) return;
      if (!this.#paused) this.#request();
      this.#scheduleRequest();
    });
  }

  #request(): void {
    const { scheduler } = this.#world;
    this.#lapse();
    if (this.#clock() - this.#answeredAt > unansweredMs) {
      const { replicas } = this.#world;
      const leaders = replicas.filter(({ leads }) => leads);
      this.#believed = scheduler.pick(leaders.length > 0 && scheduler.chance(0.7) ? leaders : replicas);
      this.#answeredAt = this.#clock();
    }
    const replica = this.#believed;
    if (!replica.isRunning) return;
    const contact = this.#contacts.get(replica.id) ?? this.#connect(replica);
    if (contact === undefined) return;
    const request = ++this.#lastRequest;
    contact.sentAt.set(request, this.#clock());
    contact.sentAt.delete(request - requestsKept);
    const session = this.#sessionOf(contact.link)?.number ?? 0;
    contact.link.sendToLeader({ kind: "request", request, session });
  }

  #connect(replica: SimReplica): Contact | undefined {
    if (this.#world.isCut(this.id, replica.id) || this.#world.isCut(replica.id, this.id)) return undefined;
    const link = new Link(this.#world, this, replica);
    replica.accept(link);
    const contact = { link, newestSession: 0, sentAt: new Map() };
    this.#contacts.set(replica.id, contact);
    return contact;
  }
}
