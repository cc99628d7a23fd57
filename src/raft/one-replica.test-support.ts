/**
 * Replica 1 of a group whose others are the test: they say what the test has them say, and what replica 1 answers is
 * looked at. Its disk is as quick as the test wants it.
 */
import assert from "node:assert/strict";
import { logIndex, replicaId, term } from "../base/units.ts";
import type { Effect, Input } from "./effect.ts";
import { LogView, type TermRun, wholeLog } from "./log-view.ts";
import { founders } from "./membership.ts";
import type { Entry, Message } from "./message.ts";
import { createRaft, type Raft } from "./raft.ts";
import { step } from "./step.ts";

interface Start {
  readonly term?: number;
  readonly votedFor?: number;
  /** The terms of its entries. */
  readonly log?: readonly number[];
  readonly members?: number;
  readonly leaseMs?: number;
  readonly recovering?: boolean;
}

type Kind = Message["kind"];
type OfKind<K extends Kind> = Message & { readonly kind: K };
type Fields<K extends Kind> = Partial<{
  [Name in Exclude<keyof OfKind<K>, "kind" | "from" | "to" | "incarnation" | "term">]: OfKind<K>[Name];
}>;

export function entry(index: number, ofTerm: number): Entry {
  return {
    index: logIndex(index),
    term: term(ofTerm),
    kind: "command",
    payload: new Uint8Array([index, ofTerm]),
  };
}

const defaults = {
  "vote-request": { pre: false, lastIndex: logIndex(0), lastTerm: term(0), transfer: false },
  "vote-reply": { pre: false, granted: true, doubtful: false, drained: false },
  append: {
    prevIndex: logIndex(0),
    prevTerm: term(0),
    entries: [],
    commit: logIndex(0),
    base: logIndex(0),
    round: 1,
    vouched: 0,
  },
  heard: { round: 0, standing: "able", room: "open", informed: true },
  accepted: { round: 0, standing: "able", room: "open", informed: true, match: logIndex(0) },
  rejected: {
    round: 0,
    standing: "able",
    room: "open",
    informed: true,
    prevIndex: logIndex(0),
    hintIndex: logIndex(0),
    hintTerm: term(0),
  },
  "timeout-now": {},
  "recover-request": {},
  "recover-grant": { life: 1, index: logIndex(0) },
  outlived: { known: 1 },
} satisfies { [K in Kind]: Required<Fields<K>> };

/** Some two hundred entries stay in memory. */
const tailBytes = 100_000;

/** Replica 1 with a disk that is as quick as a test wants it. */
export class Replica {
  readonly raft: Raft;
  now = 0;
  /** Whether writes are durable at once. */
  quickDisk = true;
  #effects: Effect[] = [];
  #writes: number[] = [];

  constructor(start: Start = {}) {
    const entries = (start.log ?? []).map((ofTerm, i) => entry(i + 1, ofTerm));
    const runs: TermRun[] = entries.map((each) => ({ from: each.index, term: each.term }));
    const lastTerm = entries.at(-1)?.term ?? 0;
    const members = Array.from({ length: start.members ?? 3 }, (_, i) => replicaId(i + 1));
    const founded = [{ from: logIndex(0), members: founders(members) }];
    const votedFor = start.votedFor === undefined ? undefined : replicaId(start.votedFor);
    this.raft = createRaft(
      { id: replicaId(1), known: members, incarnation: 1, random: () => 0.5, leaseMs: start.leaseMs ?? 0 },
      {
        hardState: { term: term(start.term ?? lastTerm), votedFor },
        log: new LogView(wholeLog, runs, founded, logIndex(entries.length), entries, tailBytes),
        commit: logIndex(0),
        doubtful: false,
        recovering: start.recovering ?? false,
        stateful: true,
      },
      0,
    );
  }

  input(input: Input): void {
    const effects = step(this.raft, this.now, input);
    this.#effects.push(...effects);
    for (const effect of effects) if ("ticket" in effect) this.#writes.push(effect.ticket);
    if (this.quickDisk) this.persist();
  }

  persist(): void {
    const ticket = this.#writes.at(-1);
    this.#writes = [];
    if (ticket !== undefined) this.input({ kind: "persisted", ticket });
  }

  tick(ms: number): void {
    this.now += ms;
    this.input({ kind: "tick" });
  }

  hears<K extends Kind>(kind: K, from: number, ofTerm: number, fields: Fields<K> = {}): void {
    const envelope = { kind, from: replicaId(from), to: replicaId(1), incarnation: 1, term: term(ofTerm) };
    this.input({
      kind: "message",
      message: { ...defaults[kind], ...fields, ...envelope } as unknown as Message,
    });
  }

  /** What it did since the last call. */
  takeEffects(): readonly Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  takeSent<K extends Kind>(kind: K): readonly OfKind<K>[] {
    return this.takeEffects().flatMap((effect) =>
      effect.kind === "send" && effect.message.kind === kind ? [effect.message as OfKind<K>] : [],
    );
  }

  get terms(): readonly number[] {
    return Array.from(
      { length: this.raft.log.lastIndex },
      (_, i) => this.raft.log.termAt(logIndex(i + 1)) ?? -1,
    );
  }

  /** Candidate of the next term, by way of a pre-vote. */
  stands(): void {
    this.tick(1_000);
    this.hears("vote-reply", 2, this.raft.term + 1, { pre: true });
    if (this.raft.config.known.length > 3) this.hears("vote-reply", 3, this.raft.term + 1, { pre: true });
    assert.equal(this.raft.role, "candidate");
  }

  leads(): void {
    this.stands();
    this.hears("vote-reply", 2, this.raft.term);
    if (this.raft.config.known.length > 3) this.hears("vote-reply", 3, this.raft.term);
    assert.equal(this.raft.role, "leader");
  }

  propose(): void {
    this.input({ kind: "propose", payload: new Uint8Array([1]) });
  }
}

/** One leader and everything it sent acknowledged by `from`. */
export function acknowledge(replica: Replica, from: number): void {
  const match = replica.raft.log.lastIndex;
  const round = replica.raft.reign?.round ?? 0;
  replica.hears("accepted", from, replica.raft.term, { match, round });
}
