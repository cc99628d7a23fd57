/** What `cut`, `slow` and `heal` do to a running supervisor's processes, and what is said of it. */
import { noLinkRules } from "../wire/link-faults.ts";
import type { ControlReply } from "./control.ts";
import { areLinked, rulesFor, withCut, withSlow } from "./link-rules.ts";
import type { SupervisedProcess } from "./supervised-process.ts";
import type { Supervisor } from "./supervisor.ts";

const untilHeal = "until `heal`";

export async function cutLink(
  supervisor: Supervisor,
  a: SupervisedProcess,
  b: SupervisedProcess,
  oneWay: boolean,
): Promise<ControlReply> {
  const [from, to] = [a.plan.name, b.plan.name];
  if (from === to) return { kind: "refused", message: `${from} cannot be cut off from itself.` };
  if (!areLinked(a.plan.role, b.plan.role)) {
    return { kind: "refused", message: `${from} and ${to} never speak to each other: nothing is to be cut.` };
  }
  a.tell({ kind: "link-cut", peer: to, oneWay });
  await supervisor.setLinks(withCut(supervisor.links, from, to, oneWay));
  return {
    kind: "done",
    message: oneWay
      ? `what ${from} sends to ${to} does not arrive ${untilHeal}`
      : `${from} and ${to} are cut off from each other ${untilHeal}`,
  };
}

export async function slowLinks(
  supervisor: Supervisor,
  process: SupervisedProcess,
  { delayMs, loss }: { readonly delayMs: number; readonly loss: number },
): Promise<ControlReply> {
  const { name } = process.plan;
  process.tell({ kind: "link-slowed", delayMs, loss });
  await supervisor.setLinks(withSlow(supervisor.links, { name, delayMs, loss }));
  if (delayMs === 0 && loss === 0) return { kind: "done", message: `${name} is slow no more` };
  const stalls = loss === 0 ? "" : `, and stalls with probability ${loss}`;
  return {
    kind: "done",
    message: `all that ${name} sends or receives comes ${delayMs} ms later${stalls}, ${untilHeal}`,
  };
}

export async function healLinks(supervisor: Supervisor): Promise<ControlReply> {
  const { links, names } = supervisor;
  const ailing = names.filter((name) => rulesFor(links, name) !== noLinkRules);
  if (ailing.length === 0) return { kind: "done", message: "nothing was cut or slow" };
  for (const name of ailing) supervisor.process(name)?.tell({ kind: "links-healed" });
  await supervisor.setLinks(noLinkRules);
  return { kind: "done", message: `the links of ${ailing.join(", ")} are healed` };
}
