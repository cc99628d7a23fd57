/**
 * Which commits `watch` shows: those with orders in them, at most one line a second of each process. A log that is idle
 * still commits a tick every second, which would push out of sight what a person watches for. Pure: the events carry
 * their time.
 */
import type { TimelineEvent } from "../supervisor/timeline.ts";

const lineEveryMs = 1_000;

type Committed = Extract<TimelineEvent["event"], { readonly kind: "entries-committed" }>;

interface Seen {
  /** When a line was last shown, and the orders that there were then. */
  readonly shownAt: number;
  readonly orders: number | undefined;
  /** The first entry that no line has told of yet. */
  readonly from: number | undefined;
}

export class CommitLines {
  readonly #seen = new Map<string, Seen>();

  /** The event as it is to be shown, entries that were not shown before included; `undefined`: not now. */
  filter(given: TimelineEvent): TimelineEvent | undefined {
    const { event } = given;
    if (event.kind !== "entries-committed") return given;
    const seen = this.#seen.get(given.process);
    const from = Math.min(seen?.from ?? event.from, event.from);
    if (seen !== undefined && !isNews(seen, given.at, event)) {
      this.#seen.set(given.process, { ...seen, from });
      return undefined;
    }
    this.#seen.set(given.process, { shownAt: given.at, orders: event.orders, from: undefined });
    return { ...given, event: { ...event, from } };
  }
}

function isNews(seen: Seen, at: number, { orders }: Committed): boolean {
  return at - seen.shownAt >= lineEveryMs && (orders === undefined || orders !== seen.orders);
}
