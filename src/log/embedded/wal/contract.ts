/** What the write-ahead log is asked for and what it gives back, and its bounds. */
import type { OperatingFailure } from "../../../base/failure.ts";
import { logLimits } from "../../../base/limits.ts";
import type { LogIndex } from "../../../base/units.ts";
import type { HardState } from "../../../raft/effect.ts";
import type { TermRun } from "../../../raft/log-view.ts";
import type { Entry } from "../../../raft/message.ts";
import type { WalFiles } from "./files.ts";
import type { Cut } from "./recover.ts";

/** What a write asks for. Its entries replace all that are stored at or above the first one's index. */
export interface WalWrite {
  readonly hardState?: HardState;
  readonly entries: readonly Entry[];
}

export interface Recovered {
  readonly hardState: HardState;
  readonly firstIndex: LogIndex;
  /** `firstIndex` − 1 if there are no entries. */
  readonly lastIndex: LogIndex;
  /** Ascending, without a gap from `firstIndex` to `lastIndex`. */
  readonly terms: readonly TermRun[];
  /** The newest entries, at most `tailBytes` together, of which each counts with its overhead in memory. */
  readonly tail: readonly Entry[];
  /**
   * Set when a torn tail was cut, in which an acknowledged write may have been: now, or at an earlier start since
   * which nobody called `forgetCut`.
   */
  readonly cut: Cut | undefined;
}

export interface WalOptions {
  readonly tailBytes: number;
  readonly segmentBytes?: number;
  readonly files?: WalFiles;
  /** Called once, when a write or a sync failed: log it and exit. Nothing is acknowledged any more. */
  readonly onFatal: (error: OperatingFailure) => void;
}

export interface WalStats {
  /** Bytes of the log, headers and replaced entries included. */
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
  /** Buffers of groups that are kept for the next ones, and how large such a one may be. */
  spareGroups: 2,
  spareGroupBytes: 1024 * 1024,
} as const;
