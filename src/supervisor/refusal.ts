/**
 * Why a start was refused before anything ran: the operator asked for something that cannot be had (a taken port,
 * another market on existing data, a broken file). The command line turns it into exit code 2.
 */

export class StartRefused extends Error {
  override readonly name = "StartRefused";
  /** What to do about it: one sentence a line. */
  readonly advice: readonly string[];

  constructor(message: string, advice: readonly string[] = [], options?: { readonly cause?: unknown }) {
    super(message, options);
    this.advice = advice;
  }
}

/** The operating system's code of an error (`ENOENT`), if it has one. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
