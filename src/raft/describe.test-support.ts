/** What a trace says of messages, inputs and effects; scenario files use it too. */
import type { Effect, Input } from "./effect.ts";
import type { Message } from "./message.ts";
import type { Raft } from "./raft.ts";

export function describeMessage(message: Message): string {
  const { kind, from, to, incarnation, term, ...rest } = message;
  // What is as it nearly always is says nothing.
  const usual: Readonly<Record<string, unknown>> = {
    drained: false,
    base: 0,
    standing: "able",
    room: "open",
  };
  const said = Object.entries(rest).filter(([key, value]) => usual[key] !== value);
  const details = said.map(([key, value]) => {
    if (!Array.isArray(value)) return `${key}=${value}`;
    return `${key}=[${value.map((entry) => `${entry.index}:${entry.term}`).join(" ")}]`;
  });
  return `${kind} ${from}.${incarnation}->${to} term=${term} ${details.join(" ")}`;
}

export function describeInput(input: Input): string {
  switch (input.kind) {
    case "message":
      return describeMessage(input.message);
    case "persisted":
      return `persisted ${input.ticket}`;
    case "propose":
      return "propose";
    case "fetched":
      return `fetched for ${input.peer} from ${input.from}: ${input.entries.length}`;
    case "read":
      return `read ${input.id}`;
    case "peer-gone":
      return `peer ${input.peer} gone`;
    case "lease":
      return `${input.fresh ? "fresh" : "renewed"} lease of ${input.holder}`;
    case "lease-acknowledged":
      return `lease ${input.holder} acknowledges ${input.through}`;
    case "lease-ended":
      return `lease ${input.holder} ends`;
    case "compacted":
    case "restored":
      return `${input.kind} up to ${input.base.index}:${input.base.term}`;
    default:
      return input.kind;
  }
}

export function describeEffect(effect: Effect, raft: Raft): string {
  switch (effect.kind) {
    case "persist": {
      const { hardState, entries, ticket } = effect;
      const state = hardState === undefined ? "" : ` term=${hardState.term} vote=${hardState.votedFor}`;
      return `persist ${ticket}${state} [${entries.map((entry) => `${entry.index}:${entry.term}`).join(" ")}]`;
    }
    case "leadership":
      return `is ${raft.role} in term ${raft.term}, leader ${raft.leader ?? "unknown"}`;
    case "noted":
      return JSON.stringify(effect.event);
    case "deliver":
      return `delivers up to ${effect.through}`;
    default:
      return JSON.stringify(effect);
  }
}
