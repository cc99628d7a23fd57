/** How a command ends. */

export const exitCodes = { ok: 0, failure: 1, usage: 2, verification: 3, unreachable: 4 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure that is told in words, without a stack. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: ExitCode;
  /** What to do about it: one sentence a line. */
  readonly advice: readonly string[];

  constructor(exitCode: ExitCode, message: string, advice: readonly string[] = []) {
    super(message);
    this.exitCode = exitCode;
    this.advice = advice;
  }
}

export function usageFailure(message: string, ...advice: string[]): CommandFailure {
  return new CommandFailure(exitCodes.usage, message, advice);
}
