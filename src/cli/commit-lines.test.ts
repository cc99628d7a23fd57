import assert from "node:assert/strict";
import { test } from "node:test";
import type { TimelineEvent } from "../supervisor/timeline.ts";
import { CommitLines } from "./commit-lines.ts";

function committed(at: number, entry: number, orders?: number): TimelineEvent {
  const event = { kind: "entries-committed", from: entry, to: entry, position: entry * 2 } as const;
  return { at, process: "order-1", event: { ...event, ...(orders !== undefined && { orders }) } };
}

function shown(events: readonly TimelineEvent[]): string[] {
  const lines = new CommitLines();
  return events.flatMap((given) => {
    const event = lines.filter(given)?.event;
    if (event === undefined) return [];
    return event.kind === "entries-committed" ? `${given.process} ${event.from}-${event.to}` : event.kind;
  });
}

test("the ticks of an idle log are shown once, and an order in its entry at once, with the ticks before it", () => {
  const idle = [1, 2, 3, 4].map((second) => committed(second * 1_000, second, 7));
  assert.deepEqual(shown([...idle, committed(4_300, 5, 8)]), ["order-1 1-1", "order-1 2-5"]);
});

test("a busy log has one line a second, and none of its entries is left out", () => {
  const busy = Array.from({ length: 31 }, (_, i) => committed(i * 100, i + 1, i));
  assert.deepEqual(shown(busy), ["order-1 1-1", "order-1 2-11", "order-1 12-21", "order-1 22-31"]);
});

test("commits that say nothing of orders have one line a second", () => {
  const silent = Array.from({ length: 21 }, (_, i) => committed(i * 100, i + 1));
  assert.deepEqual(shown(silent), ["order-1 1-1", "order-1 2-11", "order-1 12-21"]);
});

test("each process has its own lines, and other events are shown as they come", () => {
  const other: TimelineEvent = { ...committed(0, 1, 0), process: "order-2" };
  const lost: TimelineEvent = { at: 1, process: "order-2", event: { kind: "peer-lost", peer: "order-1" } };
  assert.deepEqual(shown([committed(0, 1, 0), other, lost, lost]), [
    "order-1 1-1",
    "order-2 1-1",
    "peer-lost",
    "peer-lost",
  ]);
});
