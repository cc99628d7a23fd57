/**
 * Operating failures: what can go wrong although nobody made a mistake. One table says, for each, whether the
 * request certainly had no effect (*definite*: try again freely) or may have had one (*indefinite*: try again only
 * under the same key). What a client is told of it is the front-end's table (frontend/problem.ts).
 */

interface FailureFacts {
  readonly definite: boolean;
}

export const failures = {
  /** No majority, no leader, a full queue: the request was refused before it was appended. */
  unavailable: { definite: true },
  /** This replica does not lead; it appended nothing. */
  "not-leader": { definite: true },
  /** The request was appended, or may have been, and its fate was not learnt in time. */
  "outcome-unknown": { definite: false },
  /** The disk failed or is full. */
  storage: { definite: false },
  /** Data on disk is of another version, market or replica, or is damaged. */
  "wrong-data": { definite: true },
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
}
