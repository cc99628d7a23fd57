/**
 * Every error that a client can be told, with its status. The body is always
 * `{"error":{"code":…,"reason":…,"message":…}}` and whatever facts belong to the reason.
 */

const statuses = {
  malformed: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  "item-not-found": 404,
  "order-not-found": 404,
  "method-not-allowed": 405,
  "request-timeout": 408,
  "insufficient-stock": 409,
  "max-quantity-exceeded": 409,
  "price-changed": 409,
  "name-taken": 409,
  "too-large": 413,
  "unsupported-media-type": 415,
  "expectation-failed": 417,
  "side-not-allowed": 422,
  "out-of-range": 422,
  "idempotency-key-reused": 422,
  "idempotency-key-expired": 422,
  "headers-too-large": 431,
  internal: 500,
  unavailable: 503,
  "outcome-unknown": 504,
} as const satisfies Record<string, number>;

export type Reason = keyof typeof statuses;

export interface Problem {
  readonly status: number;
  readonly reason: Reason;
  readonly message: string;
  /** More members of the error, such as what is available. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

export function problem(
  reason: Reason,
  message: string,
  facts?: Readonly<Record<string, string | number>>,
): Problem {
  const status = statuses[reason];
  return facts === undefined ? { status, reason, message } : { status, reason, message, facts };
}

export function malformed(message: string): Problem {
  return problem("malformed", message);
}

/** The reply's body. */
export function renderProblem({ status, reason, message, facts }: Problem): string {
  return JSON.stringify({ error: { code: status, reason, message, ...facts } });
}

/** How a value is shown in a message: short, and never walked into. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value.length > 40
        ? `a text of ${value.length} characters`
        : JSON.stringify(value.isWellFormed() ? value : value.toWellFormed());
    case "number":
      return Number.isFinite(value) ? String(value) : "a number beyond all range";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? "a list" : "an object";
    case "undefined":
      return "nothing";
    default:
      return String(value);
  }
}

/**
 * Why a change was certainly not made, as it is told to whom. Who sent a key may have sent the request before: that
 * this attempt did nothing says nothing of the earlier one.
 */
export interface Unavailable {
  /** To a client that sent no key. */
  readonly fresh: Problem;
  readonly keyed: Problem;
}

function unavailable(why: string): Unavailable {
  const retry =
    "This attempt changed nothing. If an earlier one ended without an answer, its outcome is still unknown; retry with the same Idempotency-Key to learn it.";
  return {
    fresh: problem("unavailable", `${why} Nothing happened; try again shortly.`),
    keyed: problem("unavailable", `${why} ${retry}`),
  };
}

export const busy = unavailable("Too many requests are under way.");
export const leaderless = unavailable("No order replica leads at the moment.");
export const unsent = unavailable("The order could not be handed to the order service in time.");
export const starting = problem(
  "unavailable",
  "The front-end is starting. Nothing happened; try again shortly.",
);
export const unread = problem(
  "unavailable",
  "No replica could answer in time. Try again shortly, or read the last known value with ?consistency=stale.",
);
export const nothingKnown = problem(
  "unavailable",
  "No replica has anything to show at present. Try again shortly.",
);

/** A reader named a position, and no replica that could be asked came to it in time. */
export function notReached(position: number): Problem {
  return problem(
    "unavailable",
    `No replica came to position ${position} in time. It may not be reached yet: try again shortly, or leave atLeast out.`,
  );
}

export const outcomeUnknown = problem(
  "outcome-unknown",
  "The outcome was not learnt in time. It may have happened; retry with the same Idempotency-Key to learn which.",
);
export const sessionLost = problem(
  "unavailable",
  "The front-end's session with the market had ended. Nothing happened; try again.",
);
