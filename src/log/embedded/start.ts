/**
 * From a directory to an open write-ahead log, whatever state the directory is in.
 *
 * A replica never begins anew as if it had not lived: if its log is gone or damaged, what is left is set aside and it
 * starts *recovering*, with the state of its store for a base, and counts for nothing until its peers have brought it
 * back (raft/recovery.ts). Only one that is alone has nobody who could: that is the operator's.
 */
import { assert } from "../../base/assert.ts";
import { OperatingFailure } from "../../base/failure.ts";
import { logLimits } from "../../base/limits.ts";
import { logIndex, type ReplicaId } from "../../base/units.ts";
import type { HardState } from "../../raft/effect.ts";
import type { LogBase } from "../../raft/log-view.ts";
import { clearBehind, markedBehind } from "./behind.ts";
import { nextIncarnation } from "./incarnation.ts";
import { untilRoom } from "./until-room.ts";
import { type EntryMark, isBehindMark, isLostFrom, readMembersMark, readVote } from "./vote-record.ts";
import { WalDamaged } from "./wal/damage.ts";
import { formatRecovering, setAside } from "./wal/set-aside.ts";
import { type Recovered, WriteAheadLog } from "./wal/write-ahead-log.ts";

export interface StartOptions {
  readonly directory: string;
  readonly cluster: string;
  readonly id: ReplicaId;
  /** Whether others can bring this replica's log back. */
  readonly alone: boolean;
  /** The last entry that the reader's state includes, durably; index 0 if it has none. */
  readonly applied: LogBase;
  /** Whether the reader was copying another's state when it stopped. */
  readonly copying: boolean;
  readonly keptBytes: number;
  readonly segmentBytes: number;
  readonly onFatal: (error: unknown) => void;
  readonly onRoom: (room: boolean) => void;
}

export interface Started {
  readonly wal: WriteAheadLog;
  readonly recovered: Recovered;
  readonly incarnation: number;
  /** Why the log was begun anew, and where what was left of it is, if anything was. */
  readonly lost: { readonly reason: string; readonly setAside: string | undefined } | undefined;
}

/** Throws `OperatingFailure("wrong-data")` if the directory is another replica's, or the log is lost and nobody has it. */
export async function startLog(options: StartOptions): Promise<Started> {
  let told = true;
  // Each try opens the log, which finds out for itself: that the disk is full still is no news.
  const onRoom = (room: boolean): void => {
    if (room === told) return;
    told = room;
    options.onRoom(room);
  };
  let started: Started | undefined;
  const run = async (): Promise<void> => {
    started = await start({ ...options, onRoom });
  };
  await untilRoom(run, { onFull: () => onRoom(false) });
  assert(started !== undefined, "a start that is not ended comes to its end");
  onRoom(started.wal.room);
  return started;
}

/** Nothing that a start leaves half done when the disk is full keeps the next one from doing it again. */
async function start(options: StartOptions): Promise<Started> {
  try {
    if (!(await WriteAheadLog.isFormatted(options.directory))) {
      throw new LogLost("The replica's log is gone: its directory was emptied.");
    }
    return { ...(await openLog(options)), lost: undefined };
  } catch (error) {
    if (!(error instanceof WalDamaged) && !(error instanceof LogLost)) throw error;
    if (options.alone) {
      throw new OperatingFailure(
        "wrong-data",
        `In ${options.directory}: ${error.message} There is no other replica to recover it from: restore the ` +
          "directory from a copy that was made since it last ran.",
        { cause: error },
      );
    }
    return await beginAnew(options, error.message);
  }
}

/** The log is not there, or not all of it. */
class LogLost extends Error {
  override readonly name = "LogLost";
}

function walOptions({ keptBytes, segmentBytes, onFatal, onRoom }: StartOptions) {
  return { tailBytes: logLimits.tailBytes, keptBytes, segmentBytes, onFatal, onRoom };
}

async function openLog(options: StartOptions): Promise<Omit<Started, "lost">> {
  const { directory, applied } = options;
  const identity = { cluster: options.cluster, replica: options.id };
  const { wal, recovered } = await WriteAheadLog.open(directory, identity, walOptions(options));
  try {
    const voted = await readVote(directory);
    const mark = await readMembersMark(directory);
    if (mark !== undefined && isBehindMark(endOf(recovered), mark)) {
      throw new LogLost("The log's end is missing, and with it who the members of the group are.");
    }
    if (voted !== undefined && isLostFrom(recovered.hardState, voted)) {
      return await withoutItsEnd(options, { wal, recovered }, voted);
    }
    if (holds(recovered, applied)) {
      // A mark that was left would make a later loss of the log's end look like a state that was copied.
      if (!options.copying) await clearBehind(directory);
      return { wal, recovered, incarnation: await nextIncarnation(directory) };
    }
    const through = await markedBehind(directory);
    if (through === undefined || through > applied.index) {
      throw new LogLost(
        `The log ends at entry ${recovered.lastIndex}, but entry ${applied.index} of term ${applied.term} was applied from it.`,
      );
    }
    // A state was copied because the log was behind; what it stopped before is to begin the log behind that state.
    const hardState = inTermOf(applied, recovered.hardState);
    await wal.reset(applied, hardState);
    await clearBehind(directory);
    const { index: lastIndex } = applied;
    const firstIndex = logIndex(lastIndex + 1);
    const begun: Recovered = {
      ...recovered,
      hardState,
      base: applied,
      firstIndex,
      lastIndex,
      terms: [],
      memberships: [],
      tail: [],
    };
    return { wal, recovered: begun, incarnation: await nextIncarnation(directory) };
  } catch (error) {
    await wal.close();
    throw error;
  }
}

/**
 * The log's end is gone without a trace: it does not have the vote that is on record. The vote is not lost; what may have
 * been acknowledged behind it is, just as with a torn tail that was cut.
 */
async function withoutItsEnd(
  { directory }: StartOptions,
  { wal, recovered }: Pick<Started, "wal" | "recovered">,
  hardState: HardState,
): Promise<Omit<Started, "lost">> {
  const cut = recovered.cut ?? (await wal.noteCut());
  await new Promise<void>((resolve) => wal.write({ hardState, entries: [] }, resolve));
  return { wal, recovered: { ...recovered, hardState, cut }, incarnation: await nextIncarnation(directory) };
}

function endOf({ base, terms, lastIndex }: Recovered): EntryMark {
  return { index: lastIndex, term: terms.at(-1)?.term ?? base.term };
}

/** Whether the log has the entry that was applied last, or may have had it in a tail that was cut. */
function holds({ base, terms, lastIndex, cut }: Recovered, { index, term }: LogBase): boolean {
  if (cut !== undefined || index < base.index) return true;
  if (index > lastIndex) return false;
  return (terms.findLast((run) => run.from <= index)?.term ?? base.term) === term;
}

/** The copied state may be of a term that was not known here: whatever was not durable was promised to nobody. */
function inTermOf(base: LogBase, hardState: HardState): HardState {
  return base.term > hardState.term ? { term: base.term, votedFor: undefined } : hardState;
}

async function beginAnew(options: StartOptions, reason: string): Promise<Started> {
  const { directory, applied } = options;
  const identity = { cluster: options.cluster, replica: options.id };
  const kept = await setAside(directory);
  await formatRecovering(directory, identity, applied, { segmentBytes: options.segmentBytes });
  const { wal, recovered } = await WriteAheadLog.open(directory, identity, walOptions(options));
  const incarnation = await nextIncarnation(directory);
  return { wal, recovered, incarnation, lost: { reason, setAside: kept } };
}
