/**
 * Counters of the faults that were done and of the states that a full run must have reached at least once: a fault that
 * never bites, or a rule that is never put to use, proves nothing.
 */
import type { ProcessEvent } from "../wire/process.ts";

export const situations = [
  // What was done.
  "a process was killed",
  "all processes were killed at once",
  "a machine lost its power",
  "all order machines lost their power at once",
  "a process was paused",
  "a process was stopped in order and started again",
  "the network was split",
  "a machine was cut off",
  "a way was cut in one direction",
  "a connection was slow",
  "messages were lost and sent again",
  "messages of the log were dropped, doubled or overtaken",
  "a disk hung",
  "a disk was slow",
  "a sync failed",
  "a disk was full",
  "a bit was flipped in a log",
  "a log was cut short",
  "a log was lost",
  "a database was damaged",
  "a disk was emptied",
  "a wall clock jumped",
  "a leader or its front-end slept while others went on",
  "some fell behind, and one of those that had not was to forget",
  "a replica was added to the group",
  "a replica was removed from the group",
  // What came of it.
  "a leader was elected",
  "two leaders at once, of different terms",
  "a suffix of a log was truncated",
  "a torn tail was cut",
  "leadership was transferred",
  "a leader lost its majority",
  "a log was begun anew",
  "a log had recovered",
  "a replica had lost count of its lives",
  "a database was begun anew",
  "a database was whole again",
  "a state was copied",
  "a log was compacted",
  "a disk was noticed to be full",
  "a disk was noticed to have room again",
  "a lease was granted",
  "a lease was ended",
  "a lease lapsed, and a cache was dropped",
  "a catalog followed a replica",
  "orders were sent again by a front-end",
  "a process ended because of its disk",
  // What shoppers saw.
  "a read was a hit",
  "a read was a miss",
  "a read went past the cache",
  "a read was not answered",
  "a courier carried news",
  "an order was sent again under its key",
  "an order was not answered",
  "an order's outcome was unknown",
  "an order was refused for want of a leader",
  "an order was refused by the market",
  "an answer was replayed",
  "an order without a key was answered",
  "an order was asked for again after its answer",
  "a key was used for another order, and refused",
  "an order that certainly had not happened was let be",
] as const;

export type Situation = (typeof situations)[number];

/** What an event of production's own says was reached. */
export function situationOf(event: ProcessEvent): Situation | undefined {
  switch (event.kind) {
    case "state-changed":
      return event.state === "leader" ? "a leader was elected" : undefined;
    case "suffix-truncated":
      return "a suffix of a log was truncated";
    case "tail-cut":
      return "a torn tail was cut";
    case "leadership-transferred":
      return "leadership was transferred";
    case "warning":
      return event.message.startsWith("no majority answers") ? "a leader lost its majority" : undefined;
    case "recovery-started":
      return event.what === "log" ? "a log was begun anew" : "a database was begun anew";
    case "recovery-finished":
      return event.what === "log" ? "a log had recovered" : "a database was whole again";
    case "snapshot-installed":
      return "a state was copied";
    case "log-compacted":
      return "a log was compacted";
    case "disk-full":
      return "a disk was noticed to be full";
    case "disk-freed":
      return "a disk was noticed to have room again";
    case "lease-granted":
      return "a lease was granted";
    case "lease-ended":
      return "a lease was ended";
    case "lease-lapsed":
      return "a lease lapsed, and a cache was dropped";
    case "feed-following":
      return "a catalog followed a replica";
    case "orders-resent":
      return "orders were sent again by a front-end";
    default:
      return undefined;
  }
}

export class Sometimes {
  readonly counts = new Map<Situation, number>(situations.map((name) => [name, 0]));

  saw(name: Situation): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  get missing(): readonly Situation[] {
    return situations.filter((name) => this.counts.get(name) === 0);
  }

  add(counts: Iterable<readonly [Situation, number]>): void {
    for (const [name, times] of counts) this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }
}
