/** What a trace says of messages, inputs and effects; scenario files use it too. */
import type { Effect, Input } from "./effect.ts";
import type { Membership } from "./membership.ts";
import type { Entry, Message } from "./message.ts";
import type { Raft } from "./raft.ts";

export function describeMembers(members: Membership | undefined): string {
  return (
    members?.map(({ id, role }) => (role === "voter" ? `${id}` : `${id}(learner)`)).join(" ") ?? "unknown"
  );
}

function describeEntry({ index, term, kind }: Entry): string {
  return `${index}:${term}${kind === "membership" ? "m" : ""}`;
}

export function describeMessage(message: Message): string {
  const { kind, from, to, incarnation, term, ...rest } = message;
  // What is as it nearly always is says nothing.
  const usual: Readonly<Record<string, unknown>> = {
    drained: false,
    base: 0,
    standing: "able",
    room: "open",
    informed: true,
  };
  const said = Object.entries(rest).filter(([key, value]) => usual[key] !== value);
  const details = said.map(([key, value]) => {
    if (!Array.isArray(value)) return `${key}=${value}`;
    return `${key}=[${value.map(describeEntry).join(" ")}]`;
  });
  return `${kind} ${from}.${incarnation}->${to} term=${term} ${details.join(" ")}`;
}

export function describeInput(input: Input): string {
  switch (input.kind) {
    case "message":
      return describeMessage(input.message);
    case "change-membership": {
      const { kind, id } = input.change;
      return `${kind} ${id}`;
    }
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
      return `persist ${ticket}${state} [${entries.map(describeEntry).join(" ")}]`;
    }
    case "leadership":
      return `is ${raft.role} in term ${raft.term}, leader ${raft.leader ?? "unknown"}`;
    case "membership":
      return `members ${describeMembers(effect.members)}`;
    case "noted":
      return JSON.stringify(effect.event);
    case "deliver":
      return `delivers up to ${effect.through}`;
    default:
      return JSON.stringify(effect);
  }
}
