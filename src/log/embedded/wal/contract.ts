/** What the write-ahead log is asked for and what it gives back, and its bounds. */
import type { OperatingFailure } from "../../../base/failure.ts";
import { logLimits } from "../../../base/limits.ts";
import type { LogIndex } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import type { LogBase, TermRun } from "../../../raft/log-view.ts";
import type { MembershipRun } from "../../../raft/membership-history.ts";
import type { Entry } from "../../../raft/message.ts";
import type { WalFiles } from "./files.ts";
import type { Later } from "./room.ts";

/** What a write asks for. Its entries replace all that are stored at or above the first one's index. */
export interface WalWrite {
  readonly hardState?: HardState;
  readonly entries: readonly Entry[];
}

/** A torn tail that was overwritten: `bytes` from `offset` on. */
export interface Cut {
  readonly segment: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface Recovered {
  /** At least in the base's term, also where no vote was ever written. */
  readonly hardState: HardState;
  /** The entry before the first one. */
  readonly base: LogBase;
  /** `base.index` + 1. */
  readonly firstIndex: LogIndex;
  /** `firstIndex` − 1 if there are no entries. */
  readonly lastIndex: LogIndex;
  /** Ascending, without a gap from `firstIndex` to `lastIndex`. */
  readonly terms: readonly TermRun[];
  /** What the base and the entries say of who the members are. */
  readonly memberships: readonly MembershipRun[];
  /** The newest entries, at most `tailBytes` together, of which each counts with its overhead in memory. */
  readonly tail: readonly Entry[];
  /**
   * Set when a torn tail was cut, in which an acknowledged write may have been: now, or at an earlier start since
   * which nobody called `forgetCut`.
   */
  readonly cut: Cut | undefined;
  /**
   * The log was made anew for a replica that had lost its own, and nobody called `forgetRecovering` yet: the replica
   * may neither vote nor count.
   */
  readonly recovering: boolean;
}

export interface WalOptions {
  readonly tailBytes: number;
  readonly segmentBytes?: number;
  /** `compact` leaves at least so many bytes of groups behind what it is told; 0 if not given. */
  readonly keptBytes?: number;
  readonly files?: WalFiles;
  /** Called once, when a write or a sync failed: log it and exit. Nothing is acknowledged any more. */
  readonly onFatal: (error: OperatingFailure) => void;
  /** Called at every change of `room`, never within another call. */
  readonly onRoom?: (room: boolean) => void;
  /** How a log on a full disk comes to try again; after a second if not given. */
  readonly retryLater?: Later;
}

export interface WalStats {
  readonly firstIndex: LogIndex;
  /** Bytes of the groups that are kept, headers and replaced entries included. */
  readonly bytes: number;
  /** Segments in use. */
  readonly segments: number;
  /** Groups that were committed since the log was opened. */
  readonly syncs: number;
}

export const walLimits = {
  /** A group takes no further write from here on; one write may be larger. */
  groupBytes: 4 * 1024 * 1024,
  /** Bytes that wait for the group that is under way. Whoever writes bounds what is uncommitted; more is a programmer's error. */
  waitingBytes: 2 * logLimits.uncommittedBytes,
  /** The next segment is prepared when this part of the present one is used. */
  prepareAt: 1 / 8,
  /**
   * With a full disk, entries are refused when less than this part of the segment, and than so many bytes, is left
   * besides room for one entry of the largest size: what is left is for the term and the vote.
   */
  reservePart: 1 / 4,
  reserveBytesMin: 256 * 1024,
  /** Of the reserve, what only terms and votes may take: many elections'. */
  votesBytes: 16 * 1024,
  /** An entry's payload and all that is written with it. */
  largestWriteBytes: logLimits.entryBytes + 4 * 1024,
  /** A segment is prepared only if so many bytes are free besides: for the small records of a start and of compaction. */
  sparedBytes: 1024 * 1024,
  /** Buffers of groups that are kept for the next ones, and how large such a one may be. */
  spareGroups: 2,
  spareGroupBytes: 1024 * 1024,
} as const;
