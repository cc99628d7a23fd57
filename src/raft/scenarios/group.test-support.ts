/**
 * A group that a scenario drives by hand: nothing happens but what a command says. Messages wait until they are
 * delivered or dropped, writes until they are persisted, time stands still until it is advanced.
 */
import { assert, present } from "../../base/assert.ts";
import { logIndex, type ReplicaId, replicaId, term } from "../../base/units.ts";
import { describeEffect, describeInput, describeMembers, describeMessage } from "../describe.test-support.ts";
import type { Effect, HardState, Input } from "../effect.ts";
import { type LogBase, LogView, type TermRun, wholeLog } from "../log-view.ts";
import { type Change, decodeMembership, founders, type Membership } from "../membership.ts";
import type { MembershipRun } from "../membership-history.ts";
import type { Entry, Message } from "../message.ts";
import { createRaft, type Raft } from "../raft.ts";
import { step } from "../step.ts";

type Write = Effect & { readonly kind: "persist" | "reset" };
type Fetch = Effect & { readonly kind: "fetch" };

class Node {
  readonly id: ReplicaId;
  raft: Raft | undefined;
  incarnation = 0;
  hardState: HardState = { term: term(0), votedFor: undefined };
  /** `entries[0]` follows it. */
  base: LogBase = wholeLog;
  /** As of the base. */
  members: Membership | undefined;
  entries: Entry[] = [];
  doubtful = false;
  recovering = false;
  stateful = true;
  writes: Write[] = [];
  fetches: Fetch[] = [];

  constructor(id: ReplicaId, members: Membership | undefined) {
    this.id = id;
    this.members = members;
  }
}

/** What a start finds amiss. */
export interface Damage {
  /** Entries that it cut with a torn tail. */
  readonly lost: number;
  /** Nothing is left of log, term and vote; or of the state. */
  readonly wiped: boolean;
  readonly stateless: boolean;
}

/** Messages from one to another, `*` for any. */
export interface Link {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly kind: string | undefined;
}

export class Group {
  readonly #nodes: readonly Node[];
  readonly #tailBytes: number;
  readonly #leaseMs: number;
  readonly #cut = new Set<string>();
  #network: Message[] = [];
  #now = 0;
  #output: string[] = [];

  /** Of `size` nodes, and some more that are members of nothing. */
  constructor(size: number, spare: number, tailBytes: number, leaseMs: number) {
    this.#tailBytes = tailBytes;
    this.#leaseMs = leaseMs;
    const ids = Array.from({ length: size + spare }, (_, i) => replicaId(i + 1));
    const members = founders(ids.slice(0, size));
    this.#nodes = ids.map((id) => new Node(id, id <= size ? members : undefined));
    for (const node of this.#nodes) this.#start(node);
  }

  /** What happened since the last call. */
  takeOutput(): string[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  campaign(id: number): void {
    const node = this.#node(id);
    present(node.raft, "it runs").electionAt = this.#now;
    this.#step(node, { kind: "tick" });
  }

  tick(ms: number, ids: readonly number[]): void {
    this.#now += ms;
    for (const node of this.#running(ids)) this.#step(node, { kind: "tick" });
  }

  propose(id: number, text: string, bytes: number): void {
    const payload = new Uint8Array(Math.max(bytes, text.length));
    new TextEncoder().encodeInto(text, payload);
    this.#step(this.#node(id), { kind: "propose", payload });
  }

  change(id: number, change: Change): void {
    this.#step(this.#node(id), { kind: "change-membership", change });
  }

  read(id: number, read: number): void {
    this.#step(this.#node(id), { kind: "read", id: read });
  }

  gone(id: number, peer: number): void {
    this.#step(this.#node(id), { kind: "peer-gone", peer: replicaId(peer) });
  }

  /** Somebody wants a lease of this node, or, if it is not `fresh`, wants to keep it. */
  lease(id: number, holder: number, fresh: boolean): void {
    this.#step(this.#node(id), { kind: "lease", holder, fresh });
  }

  acknowledge(id: number, holder: number, through: number): void {
    this.#step(this.#node(id), { kind: "lease-acknowledged", holder, through: logIndex(through) });
  }

  endLease(id: number, holder: number): void {
    this.#step(this.#node(id), { kind: "lease-ended", holder });
  }

  /** The state of a node includes everything up to `index`, durably: its log may begin there. */
  compact(id: number, index: number): void {
    const node = this.#node(id);
    const base = this.#baseAt(node, index);
    node.members = present(node.raft, "it runs").log.membersAt(base.index);
    node.entries = node.entries.slice(index - node.base.index);
    node.base = base;
    this.#step(node, { kind: "compacted", base });
  }

  /** A node gets the state of another, as it is after everything that that one has delivered. */
  restore(id: number, source: number): void {
    const from = this.#node(source);
    const { delivered } = present(from.raft, "it runs");
    this.#step(this.#node(id), { kind: "restored", base: this.#baseAt(from, delivered) });
  }

  /** Deliver the messages that wait now; what follows from them waits in turn. Returns how many. */
  deliver(link: Link): number {
    const messages = this.#take(link);
    for (const message of messages) {
      const node = this.#node(message.to);
      if (node.raft === undefined) this.#say(`${message.to} is down: ${describeMessage(message)}`);
      else this.#step(node, { kind: "message", message });
    }
    return messages.length;
  }

  /** Deliver again what is delivered next: the network repeats. */
  repeat(link: Link): void {
    this.#network.push(...this.#network.filter((message) => matches(message, link)));
  }

  drop(link: Link): void {
    for (const message of this.#take(link)) this.#say(`lost: ${describeMessage(message)}`);
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}->${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** The oldest `count` writes of a node are durable. */
  persist(id: number, count: number): void {
    const node = this.#node(id);
    for (const write of node.writes.splice(0, count)) {
      if (write.hardState !== undefined) node.hardState = write.hardState;
      if (write.kind === "reset") {
        node.base = write.base;
        node.members = undefined;
        node.entries = [];
      } else {
        const kept = (write.entries[0]?.index ?? Number.POSITIVE_INFINITY) - node.base.index - 1;
        node.entries = [...node.entries.slice(0, kept), ...write.entries];
      }
      this.#step(node, { kind: "persisted", ticket: write.ticket });
    }
  }

  fetch(id: number): void {
    const node = this.#node(id);
    for (const { peer, from } of node.fetches.splice(0)) {
      const at = from - node.base.index - 1;
      const entries = at < 0 ? [] : node.entries.slice(at, at + 2);
      this.#step(node, { kind: "fetched", peer, from, entries });
    }
  }

  crash(id: number): void {
    const node = this.#node(id);
    node.raft = undefined;
    node.writes = [];
    node.fetches = [];
  }

  restart(id: number, { lost, wiped, stateless }: Damage): void {
    const node = this.#node(id);
    if (wiped) {
      node.base = wholeLog;
      node.members = undefined;
      node.entries = [];
      node.hardState = { term: term(0), votedFor: undefined };
      node.recovering = true;
    }
    if (stateless) node.stateful = false;
    if (lost > 0) {
      node.entries = node.entries.slice(0, -lost);
      node.doubtful = true;
    }
    this.#start(node);
  }

  /** Everything is delivered and becomes durable, among `ids`, until nothing more follows. Time stands still. */
  stabilize(ids: readonly number[]): void {
    for (let turns = 0; ; turns++) {
      assert(turns < 1_000, "it comes to rest");
      let moved = 0;
      for (const node of this.#running(ids)) {
        moved += node.writes.length + node.fetches.length;
        this.persist(node.id, node.writes.length);
        this.fetch(node.id);
      }
      for (const node of this.#running(ids)) {
        for (const peer of this.#running(ids)) {
          moved += this.deliver({ from: node.id, to: peer.id, kind: undefined });
        }
      }
      if (moved === 0) return;
    }
  }

  status(): void {
    for (const { id, raft, doubtful, recovering, incarnation } of this.#nodes) {
      if (raft === undefined) {
        this.#say(`${id} is down`);
        continue;
      }
      const { role, log, commit, durable, delivered, stateful } = raft;
      const terms: (number | string)[] = log.base.index > 0 ? [`..${log.base.index}:${log.base.term}`] : [];
      for (let i = log.base.index + 1; i <= log.lastIndex; i++) terms.push(log.termAt(logIndex(i)) ?? -1);
      const marks = `${doubtful ? ", doubtful" : ""}${recovering ? ", recovering" : ""}${stateful ? "" : ", stateless"}`;
      const indexes = `durable ${durable}, commit ${commit}, delivered ${delivered}`;
      this.#say(
        `${id}.${incarnation} ${role} of term ${raft.term}${marks}, log [${terms.join(" ")}], ${indexes}`,
      );
    }
  }

  /** What a leader knows of its followers. */
  progress(id: number): void {
    for (const [peer, progress] of present(this.#node(id).raft?.reign, "it leads").progress) {
      const { mode, match, next, inFlight, inFlightBytes } = progress;
      this.#say(
        `${peer} ${mode} match=${match} next=${next} in flight: ${inFlight.length}, ${inFlightBytes} bytes`,
      );
    }
  }

  /** Who the members are, by each node's log. */
  members(): void {
    for (const { id, raft } of this.#nodes)
      if (raft !== undefined) this.#say(`${id} members ${describeMembers(raft.log.members)}`);
  }

  queue(): void {
    for (const message of this.#network) this.#say(describeMessage(message));
  }

  #start(node: Node): void {
    const runs: TermRun[] = [];
    const memberships: MembershipRun[] = [];
    if (node.members !== undefined) memberships.push({ from: node.base.index, members: node.members });
    for (const entry of node.entries) {
      if (entry.kind === "membership")
        memberships.push({ from: entry.index, members: decodeMembership(entry.payload) });
      if (runs.at(-1)?.term !== entry.term) runs.push({ from: entry.index, term: entry.term });
    }
    node.incarnation++;
    const { id, hardState, doubtful, recovering, stateful, incarnation, base, entries } = node;
    const known = this.#nodes.map((each) => each.id);
    const log = new LogView(
      base,
      runs,
      memberships,
      logIndex(base.index + entries.length),
      entries,
      this.#tailBytes,
    );
    const config = { id, known, incarnation, random: () => 0.5, leaseMs: this.#leaseMs };
    const restored = { hardState, log, commit: logIndex(0), doubtful, recovering, stateful };
    node.raft = createRaft(config, restored, this.#now);
  }

  #baseAt(node: Node, index: number): LogBase {
    const of = present(node.raft, "it runs").log.termAt(logIndex(index));
    return { index: logIndex(index), term: present(of, `the term of ${index}`) };
  }

  #node(id: number): Node {
    return present(this.#nodes[id - 1], `node ${id}`);
  }

  #running(ids: readonly number[]): readonly Node[] {
    return this.#nodes.filter(({ id, raft }) => raft !== undefined && (ids.length === 0 || ids.includes(id)));
  }

  #take(link: Link): Message[] {
    const taken = this.#network.filter((message) => matches(message, link));
    this.#network = this.#network.filter((message) => !matches(message, link));
    return taken;
  }

  #step(node: Node, input: Input): void {
    const raft = present(node.raft, `node ${node.id} runs`);
    if (input.kind === "restored") node.stateful = true;
    if (input.kind !== "tick") this.#say(`${node.id} <- ${describeInput(input)}`);
    for (const effect of step(raft, this.#now, input)) {
      if (effect.kind === "send") this.#send(effect.message);
      else this.#say(`  ${node.id} ${describeEffect(effect, raft)}`);
      if (effect.kind === "persist" || effect.kind === "reset") node.writes.push(effect);
      if (effect.kind === "fetch") node.fetches.push(effect);
      if (effect.kind === "settled") node.doubtful = false;
      if (effect.kind === "recovered") node.recovering = false;
    }
  }

  #send(message: Message): void {
    if (!this.#cut.has(`${message.from}->${message.to}`)) this.#network.push(message);
  }

  #say(line: string): void {
    this.#output.push(line);
  }
}

function matches(message: Message, { from, to, kind }: Link): boolean {
  return (
    (from === undefined || message.from === from) &&
    (to === undefined || message.to === to) &&
    (kind === undefined || message.kind === kind)
  );
}
