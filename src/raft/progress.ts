/**
 * What a leader knows of one follower, and how fast it may feed it.
 *
 * - `probe`: it is not known where the logs agree; one append at a time finds out.
 * - `pipeline`: `next` runs ahead of what was answered, within a bound of bytes and messages.
 * - `fetch`: what it needs next is no longer in memory and is being read from disk.
 * - `snapshot`: what it needs next is in this log no more; it is only told where the log begins, until it has a state.
 */
import { logLimits, raftTimes } from "../base/limits.ts";
import { type LogIndex, logIndex } from "../base/units.ts";
import type { Room, Standing } from "./message.ts";
import type { BarrierRequest } from "./recovery.ts";

interface InFlight {
  readonly last: LogIndex;
  readonly bytes: number;
}

export interface Progress {
  /** Or a learner, which is fed alike and counts for nothing. */
  voter: boolean;
  mode: "probe" | "pipeline" | "fetch" | "snapshot";
  /** Everything up to here is durable on the follower; never falls within one incarnation of it. */
  match: LogIndex;
  /** The next entry to send. */
  next: LogIndex;
  /** In `probe`: an append was sent and neither answered nor given up by a heartbeat. */
  probing: boolean;
  /** In `fetch`: what was asked of the disk last; an answer to anything else is old. */
  fetchFrom: LogIndex;
  inFlight: InFlight[];
  inFlightBytes: number;
  /** The newest of the leader's rounds that the follower confirmed. */
  round: number;
  /** What it said last that it is good for. */
  standing: Standing;
  /** Whether it knows who the members are, in this life. */
  informed: boolean;
  /** Without any it is sent no entries. */
  room: Room;
  /** Of a recovering follower: what it asked for. */
  barrier: BarrierRequest | undefined;
  /** When it last answered, and since when it has been close behind, and able to lead, without a break. */
  heardAt: number;
  closeSince: number | undefined;
  /** The leader's last index when this incarnation of the follower appeared: behind it, nothing is in doubt. */
  settledAt: LogIndex;
}

export function newProgress(last: LogIndex, now: number, voter: boolean): Progress {
  return {
    voter,
    mode: "probe",
    match: logIndex(0),
    next: logIndex(last + 1),
    probing: false,
    fetchFrom: logIndex(0),
    inFlight: [],
    inFlightBytes: 0,
    round: 0,
    standing: "able",
    informed: false,
    room: "open",
    barrier: undefined,
    heardAt: now,
    closeSince: undefined,
    settledAt: last,
  };
}

/** Whether what it says counts towards a majority. */
export function counts({ voter, standing, informed }: Progress): boolean {
  return voter && informed && standing !== "recovering";
}

/** A follower that has not answered for this long is not connected. */
const silentMs = 4 * raftTimes.heartbeatMs;

export function answers({ heardAt }: Progress, now: number): boolean {
  return now - heardAt < silentMs;
}

/** The follower rejected, or started anew: look for the last common entry before `next`. */
export function probeFrom(progress: Progress, next: LogIndex): void {
  progress.mode = "probe";
  progress.next = next;
  progress.probing = false;
  progress.inFlight = [];
  progress.inFlightBytes = 0;
}

/** The follower answered a probe: send on from what it has. Earlier probes may be lost, and hold no room. */
export function pipelineFrom(progress: Progress, next: LogIndex): void {
  probeFrom(progress, next);
  progress.mode = "pipeline";
}

export function hasRoom(progress: Progress): boolean {
  return (
    progress.inFlight.length < logLimits.inFlightMessages && progress.inFlightBytes < logLimits.inFlightBytes
  );
}

export function noteSent(progress: Progress, last: LogIndex, bytes: number): void {
  progress.next = logIndex(last + 1);
  progress.inFlight.push({ last, bytes });
  progress.inFlightBytes += bytes;
}

/** The follower holds everything up to `match`. */
export function noteMatch(progress: Progress, match: LogIndex): void {
  if (match > progress.match) progress.match = match;
  if (progress.next <= progress.match) progress.next = logIndex(progress.match + 1);
  let answered = 0;
  for (const sent of progress.inFlight) {
    if (sent.last > progress.match) break;
    progress.inFlightBytes -= sent.bytes;
    answered++;
  }
  if (answered > 0) progress.inFlight.splice(0, answered);
}
