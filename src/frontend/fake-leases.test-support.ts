/**
 * A fake leader's side of leases: it tells holders of every entry before it is applied, waits for their
 * acknowledgements, and pushes what was changed. A test decides whether leases are granted, for how long, and whether
 * entries are applied, or told of, at all.
 */
import { type ByteReader, ByteWriter } from "../base/bytes.ts";
import { type ItemId, logIndex, type Position, position, term } from "../base/units.ts";
import { writeItem } from "../market/codec.ts";
import type { ItemRow } from "../market/rows.ts";
import type { Connection } from "../wire/connection.ts";
import { writeChange } from "../wire/feed.ts";
import {
  readAcknowledgement,
  readLeaseRequest,
  readSession,
  type Touched,
  writeInvalidation,
  writeLeaseGrant,
  writeSession,
} from "../wire/lease.ts";
import { serviceFrames } from "../wire/service.ts";

export interface Committed {
  readonly position: Position;
  readonly items: readonly ItemRow[];
}

interface Entry {
  readonly index: number;
  readonly commit: () => Committed;
}

interface Session {
  readonly number: number;
  acknowledged: number;
}

export class FakeLeases {
  /** What grants are for; 0: none are given. */
  remainingMs = 0;
  /** Whether changes are pushed. */
  pushes = true;
  /** Sessions that were begun, and given up or lost. */
  begun = 0;
  ended = 0;
  requests = 0;
  acknowledgements = 0;
  #term: number | undefined;
  #appended = 0;
  #index = 0;
  #commits = true;
  readonly #sessions = new Map<Connection, Session>();
  #entries: Entry[] = [];

  /** Whether appended entries are applied, once they are acknowledged. */
  set commits(on: boolean) {
    this.#commits = on;
    this.#commitWhatMayBe();
  }

  reign(term: number | undefined, at: number): void {
    this.#term = term;
    this.#appended = at;
    this.ended += this.#sessions.size;
    this.#sessions.clear();
  }

  append(touched: readonly (readonly ItemId[] | undefined)[], commit: () => Committed): void {
    this.#appended += touched.length;
    const index = ++this.#index;
    this.#entries.push({ index, commit });
    const all = touched.includes(undefined);
    const items = touched.flatMap((ids) => ids ?? []);
    const what: Touched = all ? { kind: "all" } : { kind: "items", items };
    const invalidation = { index: logIndex(index), position: position(this.#appended), touched: what };
    for (const connection of this.#sessions.keys())
      connection.send(serviceFrames.invalidation, (body) => writeInvalidation(body, invalidation));
    this.#commitWhatMayBe();
  }

  frame(connection: Connection, kind: number, body: ByteReader): void {
    switch (kind) {
      case serviceFrames.leaseRequest: {
        const { request, session } = readLeaseRequest(body);
        this.#requested(connection, request, session);
        return;
      }
      case serviceFrames.acknowledgement: {
        const { session, index } = readAcknowledgement(body);
        this.acknowledgements++;
        const held = this.#sessions.get(connection);
        if (held?.number === session) held.acknowledged = index;
        break;
      }
      case serviceFrames.leaseEnd:
        if (this.#sessions.get(connection)?.number === readSession(body).session) this.leave(connection);
        break;
    }
    this.#commitWhatMayBe();
  }

  /** What is not applied is lost, as with a leader that is deposed. */
  forget(): void {
    this.#entries = [];
  }

  /** The session is over; what its front-end still relies on is the test's business. */
  leave(connection: Connection): void {
    if (this.#sessions.delete(connection)) this.ended++;
    this.#commitWhatMayBe();
  }

  recall(): void {
    for (const [connection, { number: session }] of this.#sessions)
      connection.send(serviceFrames.leaseRecall, (body) => writeSession(body, { session }));
  }

  #requested(connection: Connection, request: number, session: number): void {
    this.requests++;
    if (this.#term === undefined || this.remainingMs === 0) return;
    let held = this.#sessions.get(connection);
    if (held === undefined || held.number !== session) {
      held = { number: ++this.begun, acknowledged: this.#index };
      this.#sessions.set(connection, held);
    }
    const grant = {
      request,
      term: term(this.#term),
      session: held.number,
      remainingMs: this.remainingMs,
      start: position(this.#appended),
    };
    connection.send(serviceFrames.leaseGrant, (body) => writeLeaseGrant(body, grant));
  }

  #commitWhatMayBe(): void {
    for (;;) {
      const [entry] = this.#entries;
      if (entry === undefined || !this.#commits) return;
      for (const { acknowledged } of this.#sessions.values()) if (acknowledged < entry.index) return;
      this.#entries.shift();
      const { position: at, items } = entry.commit();
      if (!this.pushes) continue;
      const rows = new ByteWriter();
      rows.varint(items.length);
      for (const row of items) writeItem(rows, row);
      const change = { index: logIndex(entry.index), position: at, rows: rows.finish() };
      for (const connection of this.#sessions.keys())
        connection.send(serviceFrames.change, (body) => writeChange(body, change));
    }
  }
}
