/** What is done to a replica's links, drawn; the supervisor does it (`cut`, `slow`), and `heal` ends all of it. Pure. */
import { present, unreachable } from "../base/assert.ts";
import { integerBetween, type Random } from "../base/random.ts";
import type { FaultKind } from "./fault-kinds.ts";

export type LinkFaultKind = Extract<
  FaultKind,
  "cut-link" | "cut-one-way" | "isolate" | "isolate-one-way" | "slow-links" | "lossy-links"
>;

export interface LinkPlan {
  readonly words: string;
  /** What is sent from one to the other does not arrive. */
  readonly cuts: readonly { readonly from: string; readonly to: string }[];
  /** All that the replica sends and receives comes so much later. */
  readonly slow?: { readonly delayMs: number; readonly loss: number };
}

const slowMs = { low: 5, high: 400 } as const;
const lossMax = 0.3;

/** For the replica `name`; `others`, at least one, are all whom it speaks to. */
export function planLinks(
  kind: LinkFaultKind,
  name: string,
  others: readonly string[],
  random: Random,
): LinkPlan {
  const other = present(others[integerBetween(random, 0, others.length - 1)], "another process");
  const outward = random() < 0.5;
  const out = (to: string): LinkPlan["cuts"][number] => ({ from: name, to });
  const back = (from: string): LinkPlan["cuts"][number] => ({ from, to: name });
  switch (kind) {
    case "cut-link":
      return { words: `from and to ${other}`, cuts: [out(other), back(other)] };
    case "cut-one-way":
      return outward
        ? { words: `to ${other}`, cuts: [out(other)] }
        : { words: `from ${other}`, cuts: [back(other)] };
    case "isolate":
      return { words: "both ways", cuts: [...others.map(out), ...others.map(back)] };
    case "isolate-one-way":
      return outward
        ? { words: "is heard by nobody", cuts: others.map(out) }
        : { words: "hears nobody", cuts: others.map(back) };
    case "slow-links":
    case "lossy-links": {
      const delayMs = Math.round(slowMs.low * (slowMs.high / slowMs.low) ** random());
      const loss = kind === "slow-links" ? 0 : Math.round(random() * lossMax * 100) / 100;
      return { words: `${delayMs} ms, loss ${loss}`, cuts: [], slow: { delayMs, loss } };
    }
    default:
      return unreachable(kind);
  }
}
