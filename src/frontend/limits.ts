/** The bounds that only a front-end knows, in one place. What happens at each is stated beside it. */
import { assert } from "../base/assert.ts";
import { leaseTimes, orderTimes, requestLimits, wireLimits } from "../base/limits.ts";
import { openSequencesMax } from "../market/codec.ts";

export const outboxLimits = {
  /** Orders under way; at the bound new ones are refused at once with 503. */
  pendingOrders: 100_000,
  /** Their encoded bytes; likewise. One request may go beyond it, by its own body at most. */
  pendingBytes: 32 * 1024 * 1024,
  /** Submissions of one frame. More of them make more frames. */
  frameBytes: 2 * 1024 * 1024,
  /** A submission that was refused before it was appended is sent again after this, or as soon as a leader shows. */
  retryMs: 20,
  /** One that the leader refused for want of room; it may go on to refuse for long. */
  refusedRetryMs: 200,
} as const;

export const inquiryLimits = {
  /** Reads under way; at the bound new ones are refused at once with 503. */
  pending: 50_000,
  /** A read that a replica could not answer is asked again after this. */
  retryMs: 20,
  /**
   * A replica that leaves a read waiting for this, which any replica may answer, is called slow; one item or order is
   * then asked of another replica, once, and whatever waits for a position is asked of the leader, once.
   */
  patienceMs: 200,
  /**
   * How often a read that a catalog may answer is moved on because the one that was asked says nothing for
   * `patienceMs`, or cannot answer; after that it waits where it is.
   */
  catalogMoves: 2,
  /** One that could not answer is asked only if there are no others, for this long. */
  restMs: 500,
  /** An order that any replica may show is looked for at the leader after this, within the same deadline. */
  anyReplicaMs: 1_000,
  /** Under a lease anybody may say for this long that there is no such order; then the leader is asked. */
  noOrderMs: 500,
  /** Questions of one frame. More of them make more frames. */
  questionsPerFrame: 500,
} as const;

export const cacheLimits = {
  /** Lease requests whose grants are still taken; older ones are worth nothing any more. */
  requestsRemembered: 8,
  /**
   * A request for a new session that was not answered is repeated after this. Not sooner: if both were answered, the
   * second session would end the first.
   */
  newSessionEveryMs: 100,
  /** Reads that wait for an item's new value; beyond it a read asks for itself. */
  parkedReaders: 20_000,
  /** An invalidated item whose new value is not pushed within this is asked for. */
  pushPatienceMs: 50,
  /** Reads that wait for a barrier; beyond it they are refused with 503. */
  barrierReaders: 50_000,
} as const;

/** A question for a page of orders, its three texts of the longest kind in UTF-8. */
const questionBytesMax = 3 * 4 * requestLimits.nameCodePoints + 64;

export const sessionLimits = {
  /**
   * Sequences that ended in "outcome unknown", or whose client came back with the key, and that stay answerable. At the
   * bound a fresh session is opened, and this one, whose acknowledgements would be long, says no more: the market keeps
   * its answers until it forgets it.
   */
  open: 1_000,
  /** An acknowledgement is due after so many answers, or after `acknowledgeMs` if there was any. */
  acknowledgeEvery: 1_000,
  acknowledgeMs: 1_000,
  /** An idle session shows itself this often, long before the market forgets it. */
  refreshMs: 24 * 60 * 60 * 1_000,
} as const;

export const httpLimits = {
  /** All header fields of a request together; beyond it 431. */
  headerBytes: 16 * 1024,
  /** A request's head and body must have come within these. */
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  /** An idle connection is closed after this. */
  keepAliveMs: 65_000,
  /** A socket without any traffic for this long is closed, answer or not. */
  connectionTimeoutMs: 60_000,
  connections: 20_000,
  /** A body that is too large is read to its end, so that the refusal can be heard, if it is no larger than this. */
  drainBytes: requestLimits.bodyBytes * 4,
  /** So long a client may go on writing after its connection was given up with a refusal, so that it hears it. */
  lingerMs: 2_000,
  /** A body larger than this is refused before it is parsed if it nests deeper than any body of the API comes near. */
  nestingUncheckedBytes: 64 * 1024,
  nesting: 32,
  /** A name of the longest kind, every UTF-8 byte of it escaped. */
  parameterCharacters: requestLimits.nameCodePoints * 12,
} as const;

export const clockTimes = {
  /** The one timer that walks all deadlines. */
  tickMs: 10,
  /** How long a stop waits for orders under way. */
  stopMs: 3_000,
  /** And then for its last acknowledgement. */
  farewellMs: 500,
} as const;

assert(outboxLimits.pendingOrders >= requestLimits.ordersPerBatch, "the largest batch fits an idle outbox");
assert(
  outboxLimits.frameBytes + requestLimits.bodyBytes < wireLimits.frameBytes,
  "a frame of submissions fits",
);
assert(inquiryLimits.questionsPerFrame * questionBytesMax <= 1024 * 1024, "a frame of questions is small");
assert(
  inquiryLimits.anyReplicaMs + inquiryLimits.noOrderMs < orderTimes.readDeadlineMs,
  "there is time left to ask the leader",
);
assert(inquiryLimits.patienceMs < inquiryLimits.noOrderMs, "a replica that lags has a substitute in time");
assert(
  cacheLimits.requestsRemembered * leaseTimes.renewEveryMs >= leaseTimes.leaseMs,
  "a grant that is worth something is remembered",
);
assert(
  inquiryLimits.patienceMs * (inquiryLimits.catalogMoves + 1) < orderTimes.readDeadlineMs,
  "stopped catalogs leave time to ask a replica",
);
assert(sessionLimits.open <= openSequencesMax, "an acknowledgement can be decoded");
assert(outboxLimits.pendingBytes < wireLimits.queuedBytes, "all that is pending can be resent at once");
assert(
  orderTimes.deadlineMs < httpLimits.requestTimeoutMs,
  "an order's deadline comes before the connection's",
);
