/** What a target of the fuzzing says when it is done, and how all of it is printed. */

export interface Failure {
  /** What went wrong, and with what, in words. */
  readonly what: string;
  /** The command that does it again; empty if only the whole run does. */
  readonly replay: string;
}

export interface TargetReport {
  readonly target: string;
  /** What was counted. */
  readonly unit: string;
  readonly count: number;
  readonly seconds: number;
  readonly figures: Readonly<Record<string, number | string>>;
  readonly failures: readonly Failure[];
  /** What was only too slow or too large for the bound that the report states; times are the machine's too. */
  readonly late: readonly string[];
}

/** How much of a target is run, and from which seed. */
export interface Budget {
  readonly seed: number;
  readonly count: number;
  /** No new case is begun after so long. */
  readonly ms: number;
  /** Of fast-check: run only this case of the seed. */
  readonly path?: string;
}

export function replayCommand(target: string, seed: number, path: string): string {
  return `npm run fuzz -- --only ${target} --seed ${seed} --path ${path}`;
}

const grouped = (count: number): string => count.toLocaleString("en-US");

export function formatReport(report: TargetReport): string {
  const { target, unit, count, seconds, figures, failures, late } = report;
  const head = `${target.padEnd(26)} ${grouped(count).padStart(11)} ${unit.padEnd(9)} ${seconds.toFixed(1).padStart(7)} s`;
  const lines = [
    ...Object.entries(figures).map(([name, value]) => `    ${name}: ${value}`),
    ...late.map((what) => `    LATE: ${what}`),
    ...failures.flatMap(({ what, replay }) => [
      `    FAILED: ${what}`,
      ...(replay === "" ? [] : [`    again: ${replay}`]),
    ]),
  ];
  return [head, ...lines].join("\n");
}

/** The closing lines. */
export function formatTotals(reports: readonly TargetReport[]): string {
  const units = new Map<string, number>();
  for (const { unit, count } of reports) units.set(unit, (units.get(unit) ?? 0) + count);
  const counts = [...units].map(([unit, count]) => `${grouped(count)} ${unit}`).join(", ");
  const total = reports.reduce((sum, { count }) => sum + count, 0);
  const failed = reports.reduce((sum, { failures }) => sum + failures.length, 0);
  const late = reports.reduce((sum, report) => sum + report.late.length, 0);
  return `\n${counts}: ${grouped(total)} in total\n${failed} failed, ${late} late`;
}
