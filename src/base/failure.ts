/**
 * Operating failures: what can go wrong although nobody made a mistake. One table says, for each, whether the
 * request certainly had no effect (*definite*: try again freely) or may have had one (*indefinite*: try again only
 * under the same key), and which HTTP status tells a client so.
 */

interface FailureFacts {
  readonly definite: boolean;
  readonly status: number;
  /** What the caller should do next, a sentence that ends an error message. */
  readonly next: string;
}

export const failures = {
  /** No majority, no leader, a full queue: the request was refused before it was appended. */
  unavailable: { definite: true, status: 503, next: "Nothing happened; try again shortly." },
  /** This replica does not lead; it appended nothing. */
  "not-leader": { definite: true, status: 503, next: "Send the request to the leader." },
  /** The request was appended, or may have been, and its fate was not learnt in time. */
  "outcome-unknown": {
    definite: false,
    status: 504,
    next: "It may have happened; retry with the same Idempotency-Key to learn which.",
  },
  /** The disk failed or is full. */
  storage: { definite: false, status: 503, next: "See the process's log." },
  /** Data on disk is of another version, market or replica, or is damaged. */
  "wrong-data": { definite: true, status: 503, next: "Start with another --data directory." },
} as const satisfies Record<string, FailureFacts>;

export type FailureCode = keyof typeof failures;

export class OperatingFailure extends Error {
  override readonly name = "OperatingFailure";
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get definite(): boolean {
    return failures[this.code].definite;
  }

  get status(): number {
    return failures[this.code].status;
  }
}
