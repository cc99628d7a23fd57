/** Holds all that was seen against the promises, once the faults are over. */
import { formatVerdict, verifyHistory } from "../check/main.ts";
import type { OwnMarket } from "./own-market.ts";
import { soon } from "./wait.ts";

const comparedWithinMs = 60_000;
/** Told of a violation; the whole history is kept. */
const toldCharacters = 8_000;

export interface Judged {
  readonly operations: number;
  readonly unknown: number;
  /** Items that were not searched to the end: of them only the positions are judged. */
  readonly undecided: readonly string[];
  /** In words; none if it holds. */
  readonly anomalies: readonly string[];
}

/** The whole history: by the positions that it claims, and by nothing but when operations began and ended. */
export async function judgeHistory(file: string): Promise<Judged> {
  const verdict = await verifyHistory(file, { linearizable: true, smallest: true });
  const anomalies = verdict.kind === "ok" ? [] : [formatVerdict(verdict).slice(0, toldCharacters)];
  if (verdict.kind === "unreadable") return { operations: 0, unknown: 0, undecided: [], anomalies };
  const { operations, unknown, linearizable } = verdict;
  const items = linearizable?.items ?? [];
  const undecided = items.filter(({ kind }) => kind === "undecided").map(({ item }) => item);
  return { operations, unknown, undecided, anomalies };
}

/** The replicas' states, recomputed from their databases; empty if they are equal. */
export async function compareReplicas(market: OwnMarket): Promise<string> {
  let said = "";
  const equal = await soon(async () => {
    const { code, stdout, stderr } = await market.run("check", "--deep");
    said = `check --deep ended with ${code}: ${stdout}${stderr}`;
    // 4: not all could be compared yet.
    return code !== 4 && { isEqual: code === 0 };
  }, comparedWithinMs);
  return equal?.isEqual === true ? "" : said;
}
