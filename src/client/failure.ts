/**
 * What a caller of the client may have thrown at it. Everything that the service answers on purpose is a value; a
 * `ClientFailure` means that no usable answer came within the deadline.
 */

export type ClientFailureCode =
  /** Nothing answered, or only with 503, until the deadline. */
  | "unreachable"
  /** An order may have been applied and its fate was not learnt. Retry it under the key that the failure names. */
  | "outcome-unknown"
  /** The answer was not what the public API says. */
  | "bad-reply"
  /** The server refused the caller: a token is missing or wrong. */
  | "not-authorised"
  /** Too many requests wait in this client for a connection. */
  | "overloaded"
  /** `close` was called. */
  | "closed";

export class ClientFailure extends Error {
  override readonly name = "ClientFailure";
  readonly code: ClientFailureCode;
  /** Whether the request certainly had no effect. Always true of reads. */
  readonly definite: boolean;
  /** The last status, if there was an answer at all. */
  readonly status: number | undefined;
  /** The order's Idempotency-Key. */
  readonly key: string | undefined;

  constructor(
    code: ClientFailureCode,
    message: string,
    facts: {
      readonly definite: boolean;
      readonly status?: number | undefined;
      readonly key?: string | undefined;
      readonly cause?: unknown;
    },
  ) {
    super(message, { cause: facts.cause });
    this.code = code;
    this.definite = facts.definite;
    this.status = facts.status;
    this.key = facts.key;
  }
}
