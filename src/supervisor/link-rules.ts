/**
 * The links that are cut or slowed on purpose, as the supervisor keeps them until `heal` or its own end: what each verb
 * makes of them, and which of them a process is told. What they do is wire/link-faults.ts.
 */
import { type LinkRules, type LinkSlow, noLinkRules } from "../wire/link-faults.ts";
import type { ProcessConfig } from "../wire/process.ts";

type Role = ProcessConfig["role"];

/** Whether processes of these roles ever speak to each other. */
export function areLinked(one: Role, other: Role): boolean {
  return one === "order" || other === "order" || one !== other;
}

/** What `a` sends to `b` does not arrive any more; unless `oneWay`, what `b` sends to `a` neither. */
export function withCut(rules: LinkRules, a: string, b: string, oneWay: boolean): LinkRules {
  const wanted = [{ from: a, to: b }, ...(oneWay ? [] : [{ from: b, to: a }])];
  const others = rules.cuts.filter((cut) =>
    wanted.every(({ from, to }) => cut.from !== from || cut.to !== to),
  );
  return { ...rules, cuts: [...others, ...wanted] };
}

/** In place of what slowed the process before; a delay of 0 without loss is none. */
export function withSlow(rules: LinkRules, slow: LinkSlow): LinkRules {
  const others = rules.slows.filter(({ name }) => name !== slow.name);
  const isSlow = slow.delayMs > 0 || slow.loss > 0;
  return { ...rules, slows: isSlow ? [...others, slow] : others };
}

/** Those that this process must know; `noLinkRules` itself if there are none. */
export function rulesFor(rules: LinkRules, name: string): LinkRules {
  const cuts = rules.cuts.filter(({ from, to }) => from === name || to === name);
  const slows = rules.slows.filter((slow) => slow.name === name);
  return cuts.length === 0 && slows.length === 0 ? noLinkRules : { cuts, slows };
}
