/** What an order replica's parts tell, as the events that `watch` shows. */
import type { LogIndex } from "../base/units.ts";
import type { EmbeddedEvent } from "../log/embedded/embedded-log.ts";
import type { Market } from "../market/market.ts";
import type { ProcessEvent, ProcessHost } from "../wire/process.ts";
import { groupMembers, stateOf } from "./order-status.ts";

/** While someone watches, commits are told at most this often. */
const commitEventEveryMs = 100;

/** But for `room`, of which the log knows only half; see `roomEvents`. */
export function processEvent(event: Exclude<EmbeddedEvent, { readonly kind: "room" }>): ProcessEvent {
  switch (event.kind) {
    case "peer-connected":
    case "peer-lost":
      return { kind: event.kind, peer: `order-${event.peer}` };
    case "role-changed": {
      const { role, term, leader } = event;
      return { kind: "state-changed", state: stateOf(role), term, leader: leader ?? null };
    }
    case "transfer-started":
      return { kind: "leadership-transferred", to: event.to };
    case "quorum-lost":
      return {
        kind: "warning",
        message: `no majority answers the leader of term ${event.term}: it steps down`,
      };
    case "log-lost": {
      const { reason, setAside } = event;
      const kept = setAside === undefined ? "" : ` What was left of it was set aside as ${setAside}.`;
      return { kind: "recovery-started", what: "log", reason: `${reason}${kept}` };
    }
    case "recovered":
      return { kind: "recovery-finished", what: "log" };
    case "members-changed":
      return { kind: "members-changed", members: groupMembers(event.members) };
    case "compacted":
      return { kind: "log-compacted", through: event.through };
    default:
      return event;
  }
}

/** The disk is full as long as the log or the store lacks room on it. */
export function roomEvents(host: ProcessHost): (part: "log" | "store", room: boolean) => void {
  const lacking = new Set<string>();
  return (part, room) => {
    const wasFull = lacking.size > 0;
    if (room) lacking.delete(part);
    else lacking.add(part);
    const isFull = lacking.size > 0;
    if (isFull !== wasFull) host.emit({ kind: isFull ? "disk-full" : "disk-freed" });
  };
}

/** Tells what was committed, in lumps: a busy log commits thousands of entries a second. */
export function commitEvents(
  host: ProcessHost,
  market: () => Pick<Market, "position" | "nextOrder">,
): (from: LogIndex, to: LogIndex) => void {
  let from: LogIndex | undefined;
  let toldAt = 0;
  return (first, last) => {
    if (!host.watched) return;
    from ??= first;
    const now = performance.now();
    if (now - toldAt < commitEventEveryMs) return;
    const { position, nextOrder: orders } = market();
    host.emit({ kind: "entries-committed", from, to: last, position, orders });
    from = undefined;
    toldAt = now;
  };
}

/** A store that is being filled anew. */
export interface StoreRecovery {
  readonly underWay: boolean;
  applied(index: LogIndex): void;
}

/**
 * Tells, once, that a store which was begun anew has again what was in the log when it was. `finish` resolves when that is
 * durable and noted, or to false if it will not be in this life.
 */
export function storeRecovery(
  host: ProcessHost,
  through: LogIndex,
  finish: () => Promise<boolean>,
): StoreRecovery {
  let underWay = true;
  let finishing = false;
  const end = async (): Promise<void> => {
    if (!(await finish())) return;
    underWay = false;
    host.emit({ kind: "recovery-finished", what: "store" });
  };
  return {
    get underWay() {
      return underWay;
    },
    applied: (index) => {
      if (finishing || index < through) return;
      finishing = true;
      void end();
    },
  };
}
