/**
 * What a proof finds: figures, what is wrong, and what was only too slow. A test looks at what is wrong; times depend
 * on the machine and belong in a proof's report.
 */
export interface ProofReport {
  readonly proof: string;
  readonly figures: Readonly<Record<string, number | string>>;
  readonly faults: readonly string[];
  readonly late: readonly string[];
}

export class Findings {
  readonly #proof: string;
  readonly #figures: Record<string, number | string> = {};
  readonly faults: string[] = [];
  readonly #late: string[] = [];

  constructor(proof: string) {
    this.#proof = proof;
  }

  figure(name: string, value: number | string): void {
    this.#figures[name] = value;
  }

  need(condition: boolean, fault: string): void {
    if (!condition) this.faults.push(fault);
  }

  /** `fault` is empty if all is well. */
  none(fault: string): void {
    if (fault !== "") this.faults.push(fault);
  }

  timely(condition: boolean, fault: string): void {
    if (!condition) this.#late.push(fault);
  }

  get report(): ProofReport {
    return { proof: this.#proof, figures: this.#figures, faults: this.faults, late: this.#late };
  }
}

export function formatProof({ proof, figures, faults, late }: ProofReport): string {
  const width = Math.max(0, ...Object.keys(figures).map((name) => name.length));
  const lines = Object.entries(figures).map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
  lines.push(...late.map((what) => `  LATE: ${what}`), ...faults.map((what) => `  FAULT: ${what}`));
  const verdict = faults.length > 0 ? "FAILED" : late.length > 0 ? "correct, but too slow" : "proved";
  return `${proof}: ${verdict}\n${lines.join("\n")}\n`;
}

/** The exit code of a proof. */
export function proofExitCode({ faults, late }: ProofReport): 0 | 3 {
  return faults.length + late.length === 0 ? 0 : 3;
}
