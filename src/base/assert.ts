/**
 * Assertions for programmer errors. They stay on in production: a process whose invariants are broken must stop
 * before it tells anyone a wrong answer, and the supervisor starts it again from what is on disk.
 */

/** A broken invariant. Nothing catches it but the process's last handler, which logs it and exits. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Stop unless `condition` holds. Pass the message as a function where building it costs something. */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new AssertionError(typeof message === "string" ? message : message());
}

/** The end of a switch over a union: the compiler proves that no kind was forgotten, this stops if it was wrong. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}

/** `value`, which an invariant says is there. */
export function present<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new AssertionError(`missing: ${what}`);
  return value;
}
