/**
 * Every bound that several parts share, in one place, with the inequalities between them asserted when the module
 * loads. A bound that only one part knows stays in that part.
 */
import { assert } from "./assert.ts";

/** What one request may ask for. */
export const requestLimits = {
  bodyBytes: 4 * 1024 * 1024,
  linesPerOrder: 100,
  ordersPerBatch: 10_000,
  keyCharacters: 255,
  /** Names of items, references and customers, in code points. */
  nameCodePoints: 128,
  quantityMin: 1,
  quantityMax: 1_000_000,
  stockMax: 1_000_000_000_000,
  priceMinorMax: 1_000_000_000_000,
  totalMinorMax: Number.MAX_SAFE_INTEGER,
  itemsMax: 100_000,
  pageDefault: 100,
  pageMax: 1_000,
} as const;

/** Times of the replicated log, milliseconds of a monotonic clock. */
export const raftTimes = {
  heartbeatMs: 50,
  electionTimeoutMinMs: 300,
  /** A follower waits min + bias by rank + random(0…this) before it asks for votes. */
  electionTimeoutSpreadMs: 150,
  transferStableMs: 3_000,
  transferCooldownMs: 10_000,
} as const;

/** Leases of those who keep what they read (front-ends), milliseconds of monotonic clocks. */
export const leaseTimes = {
  /** A lease ends at most so long after its leader *sent* the round that a majority confirmed. */
  leaseMs: 250,
  renewEveryMs: 50,
  /**
   * How much longer a leader waits for a lease to end than its holder may use it: the *rates* of two clocks may differ
   * by so much. A new leader waits so much longer than `leaseMs` too.
   */
  driftMargin: 1.1,
} as const;

/** Bounds of the replicated log. */
export const logLimits = {
  /** An entry's payload; one entry is one append. */
  entryBytes: 8 * 1024 * 1024,
  /** Proposals that are not yet committed; beyond it the leader refuses, definitely. */
  uncommittedBytes: 64 * 1024 * 1024,
  /** What an entry in memory takes besides its payload: a tail of very small entries is bounded too. */
  entryOverheadBytes: 512,
  /** Recent entries kept in memory for followers; older ones are read from disk. */
  tailBytes: 4 * 1024 * 1024,
  /** Entries under way to one follower that it has not answered. */
  inFlightBytes: 16 * 1024 * 1024,
  inFlightMessages: 256,
  appendBytes: 1024 * 1024,
} as const;

/** How long a front-end tries before it tells a client that the outcome is unknown. */
export const orderTimes = {
  deadlineMs: 10_000,
  /** With no leader known for this long, new orders are refused at once. */
  leaderlessMs: 2_000,
  readDeadlineMs: 3_000,
} as const;

/** Frames between our own processes. */
export const wireLimits = {
  frameBytes: 16 * 1024 * 1024,
  /** Bytes queued for one connection; beyond it the sender is told and must hold back. */
  queuedBytes: 64 * 1024 * 1024,
  /** A connection so long silent is asked for a sign of life by the system, and so often again. */
  keepAliveMs: 1_000,
} as const;

/** Answered requests are remembered for 30 days of ticks. */
export const answerLifetimeTicks = 30 * 24 * 60 * 60;

/** Replicas publish their state hash at multiples of this many commands, for the last `hashesKept` multiples. */
export const hashEveryCommands = 1_024;
export const hashesKept = 16;

assert(
  raftTimes.heartbeatMs * 5 <= raftTimes.electionTimeoutMinMs,
  "an election needs several lost heartbeats",
);
assert(leaseTimes.renewEveryMs * 3 < leaseTimes.leaseMs, "a lease survives the loss of a renewal or two");
assert(
  leaseTimes.leaseMs * leaseTimes.driftMargin < raftTimes.electionTimeoutMinMs,
  "a leader that lost its majority outlives its leases before it steps down",
);
assert(logLimits.entryBytes + 1024 <= wireLimits.frameBytes, "one entry fits one frame");
assert(requestLimits.bodyBytes < logLimits.entryBytes, "the largest batch fits one entry");
assert(
  requestLimits.linesPerOrder * requestLimits.quantityMax <= requestLimits.stockMax,
  "one order's units fit the stock's range",
);
assert(orderTimes.leaderlessMs < orderTimes.readDeadlineMs, "a refusal comes before the read deadline");
assert(orderTimes.readDeadlineMs < orderTimes.deadlineMs, "reads give up before orders do");
