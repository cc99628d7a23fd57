/**
 * What the supervisor and its processes say to each other, over Node's IPC channel: rare, small and typed. A process
 * starts only when it was sent `start`, and ends when the channel does: without its supervisor it must not run.
 */
import type { Socket } from "node:net";
import type { CourseConfig } from "./course.ts";
import type { Address } from "./dialer.ts";
import type { LinkRules } from "./link-faults.ts";

/** One order replica, or one catalog, as all processes know it. */
export interface ServiceAddress extends Address {
  readonly id: number;
  readonly name: string;
}

export interface OrderConfig {
  readonly role: "order";
  readonly name: string;
  readonly id: number;
  readonly cluster: string;
  /** Every order replica, this one included. */
  readonly orders: readonly ServiceAddress[];
  /** This replica's own directory; formatted by the supervisor when it created the cluster. */
  readonly directory: string;
  /** At least so many bytes of the log are kept behind what the store holds, for followers that come back. */
  readonly keptLogBytes: number;
  readonly segmentBytes: number;
  /** The market's definition, as checked by the supervisor (market/definition.ts). */
  readonly market: unknown;
}

export interface CatalogConfig {
  readonly role: "catalog";
  readonly name: string;
  readonly id: number;
  readonly cluster: string;
  readonly orders: readonly ServiceAddress[];
  /** Where it listens for front-ends. */
  readonly listen: Address;
}

export interface FrontendConfig {
  readonly role: "frontend";
  readonly name: string;
  readonly id: number;
  readonly cluster: string;
  readonly orders: readonly ServiceAddress[];
  readonly catalogs: readonly ServiceAddress[];
  /**
   * Where it listens for HTTP. A front-end that is alone listens on the public port itself; of several each has a port
   * of its own, and is handed the connections to the public one (`ToProcess`, `connection`).
   */
  readonly listen: Address;
  /** Replies that it may keep; 0: it keeps none, and wants no lease. */
  readonly cache: number;
  readonly market: unknown;
  /** What `Authorization: Bearer` must carry on guarded routes; unset: they are open. */
  readonly token?: string;
  /** 64 hexadecimal digits, the cluster's own: signs the keys that front-ends hand out. */
  readonly secret: string;
}

export type ProcessConfig = OrderConfig | CatalogConfig | FrontendConfig | CourseConfig;

export type ReplicaState = "leader" | "follower" | "candidate" | "recovering";

/** One order replica as a member of its group: a learner is fed by the leader, and counts in no majority yet. */
export interface GroupMember {
  readonly id: number;
  readonly role: "voter" | "learner";
}

/** What a process says of itself; the supervisor adds what it knows (pid, up). */
export interface ProcessStatus {
  readonly state?: ReplicaState;
  readonly term?: number;
  readonly leader?: number;
  readonly position?: number;
  readonly commitIndex?: number;
  readonly lastIndex?: number;
  readonly hashes?: readonly { readonly position: number; readonly hash: string }[];
  readonly stateHash?: string;
  readonly orders?: number;
  /** An order replica: who the members of the group are by its log, and whether that is committed. */
  readonly members?: readonly GroupMember[];
  readonly membersCommitted?: boolean;
  /** A `recovering` replica: what it waits for, in words. */
  readonly recovering?: string;
  /** Its log's end was cut off at the start: until it has caught up, its vote counts only where all agree. */
  readonly inDoubt?: boolean;
  /** Whether its disk has no room for more than its reserve: it takes no new entries until there is. */
  readonly diskFull?: boolean;
  readonly cache?: CacheCounts;
  readonly rssBytes: number;
}

/** What a front-end's cache did since the process started. */
export interface CacheCounts {
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly evictions: number;
  /** Reads that the cache was not asked for: it is off, no lease is held, or they are of a kind that is not kept. */
  readonly bypasses: number;
  /** Leases that were lost, and the whole cache with each. */
  readonly lapses: number;
}

/** The body of `GET /cluster` and of `status --json`. */
export interface ClusterStatus {
  readonly market: string;
  /** The word for its items in the URL. */
  readonly resource: string;
  readonly engine: string;
  readonly leader: string | null;
  readonly term: number;
  /** What is cut or slowed on purpose; absent: nothing. */
  readonly links?: LinkRules;
  readonly processes: readonly ({
    readonly name: string;
    readonly role: ProcessConfig["role"];
    readonly id: number;
    readonly pid: number | null;
    readonly address: string;
    readonly port: number;
    readonly up: boolean;
    /** `paused` by the supervisor's own verb; `failed` after too many exits before ready. */
    /** Of an order replica, by the leader's log: a learner is fed and counts in no majority; `none`: it is no member. */
    readonly membership?: "voter" | "learner" | "none";
    readonly life: "starting" | "ready" | "paused" | "down" | "failed";
    readonly restarts: number;
  } & Partial<ProcessStatus>)[];
}

/** Something that a process did or saw, for the timeline of `watch`. */
export type ProcessEvent =
  | {
      readonly kind: "state-changed";
      readonly state: ReplicaState;
      readonly term: number;
      readonly leader: number | null;
    }
  | { readonly kind: "vote-granted"; readonly term: number; readonly to: number }
  | { readonly kind: "peer-connected"; readonly peer: string }
  | { readonly kind: "peer-lost"; readonly peer: string }
  | {
      readonly kind: "entries-committed";
      readonly from: number;
      readonly to: number;
      readonly position: number;
      /** Orders placed up to here: shows whether there was more in them than ticks. */
      readonly orders?: number;
    }
  | { readonly kind: "suffix-truncated"; readonly from: number; readonly to: number }
  | { readonly kind: "leadership-transferred"; readonly to: number }
  /** By this replica's log the group has other members now. */
  | { readonly kind: "members-changed"; readonly members: readonly GroupMember[] }
  | { readonly kind: "tail-cut"; readonly bytes: number }
  /** The replica's log or store was lost or is damaged: what is left was set aside, and it recovers from its peers. */
  | { readonly kind: "recovery-started"; readonly what: "log" | "store"; readonly reason: string }
  | { readonly kind: "recovery-finished"; readonly what: "log" | "store" }
  | { readonly kind: "snapshot-started"; readonly from: string; readonly position: number }
  | { readonly kind: "snapshot-installed"; readonly from: string; readonly position: number }
  | { readonly kind: "log-compacted"; readonly through: number }
  | { readonly kind: "disk-full" }
  | { readonly kind: "disk-freed" }
  | { readonly kind: "lease-granted"; readonly holder: string; readonly session: number }
  | { readonly kind: "lease-ended"; readonly holder: string; readonly session: number }
  /** A front-end: its lease is over, and its whole cache was dropped. */
  | { readonly kind: "lease-lapsed"; readonly session: number }
  | { readonly kind: "feed-following"; readonly replica: string; readonly position: number }
  | { readonly kind: "session-opened"; readonly session: number }
  | { readonly kind: "leader-seen"; readonly leader: number | null; readonly term: number }
  | { readonly kind: "orders-resent"; readonly count: number }
  | { readonly kind: "warning"; readonly message: string };

/** A replica that is added is fed by the leader, which makes it a voter once it is close behind. */
export type MemberChange =
  | { readonly kind: "add"; readonly replica: ServiceAddress }
  | { readonly kind: "remove"; readonly id: number };

/** Why a change is not begun now: see raft/changes.ts. */
export type ChangeRefusal = "not-leading" | "too-early" | "pointless" | "not-ready" | "no-majority" | "leads";

export type FromProcess =
  | { readonly kind: "ready" }
  | { readonly kind: "event"; readonly at: number; readonly event: ProcessEvent }
  | { readonly kind: "status"; readonly ticket: number; readonly status: ProcessStatus }
  /** At once, to a `ping`: its event loop turns. */
  | { readonly kind: "pong" }
  /** A `connection` has arrived. Said before a byte of it is read: without it, another may have the connection. */
  | { readonly kind: "taken" }
  /** A front-end serves `GET /cluster`. */
  | { readonly kind: "ask-cluster"; readonly ticket: number }
  | { readonly kind: "change-answered"; readonly ticket: number; readonly refusal: ChangeRefusal | null }
  /** `check --deep`: the recomputed digest, or why there is none. */
  | { readonly kind: "digest"; readonly ticket: number; readonly digest: unknown }
  /** A start that cannot succeed, in words for the operator; the process exits after it. */
  | { readonly kind: "failed"; readonly message: string };

export type ToProcess =
  | { readonly kind: "start"; readonly config: ProcessConfig }
  /** The links of `self`, the process itself, that are cut or slow from now on, and no others. Before `start`, if any are. */
  | { readonly kind: "links"; readonly self: string; readonly rules: LinkRules }
  | { readonly kind: "ask-status"; readonly ticket: number }
  | { readonly kind: "ask-digest"; readonly ticket: number }
  | { readonly kind: "ping" }
  /** With it comes a socket: a client's connection to the public port. */
  | { readonly kind: "connection" }
  | { readonly kind: "cluster"; readonly ticket: number; readonly cluster: ClusterStatus }
  /** These are the order replicas from now on, and where: what the configuration said of them holds no more. */
  | { readonly kind: "replicas"; readonly orders: readonly ServiceAddress[] }
  /** An order replica: begin this change of the group's members, if it leads. Answered by `change-answered`. */
  | { readonly kind: "change-members"; readonly ticket: number; readonly change: MemberChange }
  /** Whether someone watches: frequent events are sent only then. */
  | { readonly kind: "watch"; readonly on: boolean }
  | { readonly kind: "stop" };

/** What a process is given by its entry point (cli/), besides its configuration. */
export interface ProcessHost {
  emit(event: ProcessEvent): void;
  /** Whether someone watches: events more frequent than one a second are emitted only then. */
  readonly watched: boolean;
  /** The whole cluster's status, from the supervisor. */
  cluster(): Promise<ClusterStatus>;
  /**
   * The listener is told which order replicas there are whenever they are others than the configuration said, also while
   * the process is still starting: it may be waiting for those that are none any more.
   */
  onReplicas?(listener: (orders: readonly ServiceAddress[]) => void): void;
  /** Log, tell the supervisor, exit with 1: for what must stop the process at once (failed fsync, assertion). */
  fatal(error: unknown): void;
}

/** What `startOrder`, `startCatalog` and `startFrontend` resolve to once the process is ready. */
export interface RunningProcess {
  status(): ProcessStatus;
  /** Front-ends: take over a client's connection to the public port. */
  connection?(socket: Socket): void;
  /** Order replicas: begin a change of the group's members; or why not. */
  changeMembers?(change: MemberChange): ChangeRefusal | undefined;
  /** Order replicas: recompute the state from the store's rows (store/port.ts, `Digest`, hashes as hexadecimal). */
  digest?(): Promise<unknown>;
  /** Stop cleanly: finish what was accepted, close files and sockets. */
  stop(): Promise<void>;
}
