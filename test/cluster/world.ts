/** What the parts of one history share: time, chance, the network between them, and what the seed drew. */
import type { LogIndex, ReplicaId } from "../../src/base/units.ts";
import type { Effect } from "../../src/raft/effect.ts";
import type { Message } from "../../src/raft/message.ts";
import type { SimHolder } from "./holder.ts";
import type { Invariants } from "./invariants.ts";
import type { SimReplica } from "./replica.ts";
import type { Broken } from "./rule-breaker.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Sometimes } from "./sometimes.ts";

/** Who stands above the log, in a history of more than the group. */
export interface Above {
  started(replica: SimReplica): void;
  crashed(replica: SimReplica): void;
  /** Entries up to here are to be applied; the log may be compacted up to there next. */
  delivered(replica: SimReplica, through: LogIndex): void;
  /** A step is over, with all of its effects. */
  stepped(replica: SimReplica): void;
}

export interface World {
  readonly scheduler: Scheduler;
  readonly sometimes: Sometimes;
  readonly invariants: Invariants;
  /** Of every replica there is or may come to be. */
  readonly members: readonly ReplicaId[];
  /** The members at the beginning. */
  readonly founders: readonly ReplicaId[];
  readonly replicas: readonly SimReplica[];
  readonly holders: readonly SimHolder[];
  readonly broken: Broken | undefined;
  readonly above?: Above;
  /** Bytes of recent entries in memory. */
  readonly tailBytes: number;
  /** The longest lease; 0: there are no holders. */
  readonly leaseMs: number;
  /** How likely a log is compacted when something was applied, and how many applied entries it keeps. */
  readonly compaction: { readonly chance: number; readonly kept: number };
  /** How long a state takes to be copied, at most. */
  readonly copyMs: number;
  /** How long writes take: now and then one takes `stallMs` instead. */
  diskMs: number;
  stallChance: number;
  stallMs: number;
  send(message: Message): void;
  /** Between any two, holders included. */
  isCut(from: number, to: number): boolean;
  /** What the network takes for one message. */
  delayMs(): number;
  /** Something that faults like to strike at has begun. */
  onEvent(replica: SimReplica, effect: Effect): void;
  /** A state was installed, and the log does not know it yet. */
  onInstalled(replica: SimReplica): void;
}
