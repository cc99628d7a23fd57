/** What checkers that know nothing of the code they judge say of what shoppers were told. */
import { checkByPosition } from "../check/by-position.ts";
import { explain } from "../check/explanation.ts";
import type { History } from "../check/history.ts";
import { checkLinearizable } from "../check/linearizable.ts";
import { timeline } from "../check/timeline.ts";

/** Violations told in full. */
const toldMax = 3;

/** By the positions that the service tells; `undefined`: nothing is wrong. */
export function judgeByPosition(history: History): string | undefined {
  const verdict = checkByPosition(history);
  if (verdict.kind === "ok") return undefined;
  const told = verdict.violations
    .slice(0, toldMax)
    .map(({ rule, message, operations }) => `${rule}: ${message}\n${timeline(history, operations)}`);
  return [`${verdict.violationsTotal} violations`, ...told].join("\n");
}

/** By search, whatever the service says of positions; `undefined`: nothing is wrong, or the search was given up. */
export function judgeBySearch(history: History): string | undefined {
  const { contradictions } = checkLinearizable(history);
  const told = contradictions.slice(0, toldMax).map((contradiction) => {
    const { violation, picture } = explain(history, contradiction);
    return `${violation.rule}: ${violation.message}\n${picture}`;
  });
  return told.length === 0 ? undefined : ["not linearizable", ...told].join("\n");
}
