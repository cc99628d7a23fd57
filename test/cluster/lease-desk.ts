/**
 * The leader's side of leases, as little of it as the holders need: sessions, which are the core's holders, and one
 * invalidation an entry to every connection that has one. It never ends a session on its own: only its holder's word
 * says that nothing is answered from its cache any more, and everybody else waits for the lease to end.
 */
import { logIndex } from "../../src/base/units.ts";
import type { Link, ToLeader } from "./link.ts";
import type { SimReplica } from "./replica.ts";

export class LeaseDesk {
  readonly #replica: SimReplica;
  /** By connection, the newest last. */
  readonly #sessions = new Map<Link, number[]>();
  #lastSession = 0;
  #answer: number | undefined;
  /** Of what was proposed: entries of the group's own are not told. */
  #lastAppended = 0;

  constructor(replica: SimReplica) {
    this.#replica = replica;
  }

  /** Of another term none of these is any more. */
  newTerm(): void {
    this.#sessions.clear();
    this.#lastAppended = 0;
  }

  receive(link: Link, message: ToLeader): void {
    switch (message.kind) {
      case "request":
        return this.#request(link, message.request, message.session);
      case "acknowledged": {
        const { session, index } = message;
        this.#endBelow(link, session);
        if (!this.#has(link, session)) return;
        this.#replica.handle({ kind: "lease-acknowledged", holder: session, through: logIndex(index) });
        return;
      }
      case "ended":
        this.#endBelow(link, message.session + 1);
        return;
    }
  }

  /** What the core says to a request. */
  answered(remainingMs: number | undefined): void {
    this.#answer = remainingMs;
  }

  appended(index: number): void {
    const before = this.#lastAppended;
    this.#lastAppended = index;
    for (const link of this.#sessions.keys()) link.sendToHolder({ kind: "invalidation", index, before });
  }

  recall(): void {
    for (const [link, sessions] of this.#sessions) {
      const session = sessions.at(-1);
      if (session !== undefined) link.sendToHolder({ kind: "recall", session });
    }
  }

  #has(link: Link, session: number): boolean {
    return this.#sessions.get(link)?.includes(session) === true;
  }

  #request(link: Link, request: number, asked: number): void {
    // Who asks for a session has it, and so none before it.
    if (asked > 0) this.#endBelow(link, asked);
    let session = asked;
    let remainingMs = this.#has(link, asked) ? this.#ask(asked, false) : undefined;
    if (remainingMs === undefined) {
      this.#forget(link, asked);
      session = ++this.#lastSession;
      remainingMs = this.#ask(session, true);
      if (remainingMs === undefined) return;
      const sessions = this.#sessions.get(link);
      if (sessions === undefined) this.#sessions.set(link, [session]);
      else sessions.push(session);
    }
    const { term, log } = this.#replica.running;
    const start = log.lastIndex;
    link.sendToHolder({ kind: "grant", request, term, session, remainingMs, start });
  }

  #ask(holder: number, fresh: boolean): number | undefined {
    this.#answer = undefined;
    this.#replica.handle({ kind: "lease", holder, fresh });
    return this.#answer;
  }

  /** A holder that is in a session is in none before it. */
  #endBelow(link: Link, session: number): void {
    for (const each of this.#sessions.get(link) ?? []) {
      if (each >= session) continue;
      this.#forget(link, each);
      this.#replica.handle({ kind: "lease-ended", holder: each });
    }
  }

  #forget(link: Link, session: number): void {
    const left = this.#sessions.get(link)?.filter((each) => each !== session) ?? [];
    if (left.length > 0) this.#sessions.set(link, left);
    else this.#sessions.delete(link);
  }
}
