/** The market's commands and replies in words, for `log show`. */
import { unreachable } from "../base/assert.ts";
import { formatHash } from "../base/hash128.ts";
import type { Command, RequestId } from "../market/command.ts";
import type { Refusal, Reply } from "../market/reply.ts";

function tellRequestId(id: RequestId): string {
  return id.kind === "session"
    ? `session ${id.session}/${id.sequence}`
    : `key ${formatHash(id.key).slice(0, 8)}`;
}

export function tellCommand(command: Command): string {
  switch (command.kind) {
    case "place": {
      const lines = command.lines.map(({ item, quantity }) => {
        return `${quantity} ${item.kind === "name" ? item.name : `of item ${item.id}`}`;
      });
      return `${command.side} ${lines.join(", ")} (${tellRequestId(command.id)})`;
    }
    case "add-item":
      return `add item ${command.item.name} (${tellRequestId(command.id)})`;
    case "found":
      return `found market ${command.definition.name}`;
    case "open-session":
      return "open session";
    case "acknowledge":
      return `acknowledge session ${command.session} below ${command.below}`;
    case "tick":
      return "tick";
    default:
      return unreachable(command);
  }
}

function tellRefusal(refusal: Refusal): string {
  switch (refusal.reason) {
    case "insufficient-stock":
    case "max-quantity-exceeded":
      return `${refusal.reason}: ${refusal.requested} ${refusal.name} asked, ${refusal.available} available`;
    case "item-not-found":
      return `${refusal.reason}: ${refusal.item}`;
    case "price-changed":
      return `${refusal.reason}: ${refusal.name} is ${refusal.priceMinor}, limit ${refusal.limitMinor}`;
    case "side-not-allowed":
      return `${refusal.reason}: ${refusal.side}`;
    case "out-of-range":
      return `${refusal.reason}: ${refusal.what}`;
    case "name-taken":
      return `${refusal.reason}: ${refusal.name}`;
    default:
      return unreachable(refusal);
  }
}

export function tellReply(reply: Reply): string {
  switch (reply.kind) {
    case "placed":
      return `order ${reply.order.number}, total ${reply.order.totalMinor}`;
    case "item-added":
      return `item ${reply.item.id}`;
    case "refused":
      return `refused, ${tellRefusal(reply.refusal)}`;
    case "replayed":
      return `answered before, at position ${reply.answer.position}`;
    case "key-reused":
      return "refused, key used before with another body";
    case "too-old":
      return "refused, no longer known";
    case "session-opened":
      return `session ${reply.session}`;
    case "done":
      return "done";
    default:
      return unreachable(reply);
  }
}
