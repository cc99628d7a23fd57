/** The market's timeline, as `watch` shows it, for tests that must know what happened, or act when it does. */
import { dirname } from "node:path";
import { watchSupervisor } from "../../src/supervisor/control-client.ts";
import type { TimelineEvent } from "../../src/supervisor/timeline.ts";
import type { Market } from "./market.test-support.ts";

type Event = TimelineEvent["event"];
type EventOf<Kind extends Event["kind"]> = Extract<Event, { readonly kind: Kind }>;

const withinMs = 60_000;
const lastShown = 60;

interface Waiting {
  readonly matches: (event: TimelineEvent) => boolean;
  readonly resolve: (event: Event) => void;
}

export class Timeline {
  readonly #events: TimelineEvent[] = [];
  /** Why events may be missing. */
  readonly #gaps: string[] = [];
  readonly #waiting = new Set<Waiting>();

  /** Until the market's supervisor ends. What happens after it resolves is certainly seen. */
  static async watch(market: Market): Promise<Timeline> {
    const timeline = new Timeline();
    market.addWitness(() => timeline.last());
    const directory = dirname(dirname(market.logDirectory("order-1")));
    watchSupervisor(directory, (reply) => {
      if (reply.kind === "event") timeline.#add(reply.event);
      else timeline.#gaps.push(`${reply.count} events were dropped`);
    }).then(
      () => timeline.#gaps.push("the watching ended"),
      (error: unknown) => timeline.#gaps.push(`the watching ended: ${String(error)}`),
    );
    // The supervisor reads a second request later than the first.
    await market.status();
    return timeline;
  }

  /** The next event of this kind that this process has from now on. */
  async next<Kind extends Event["kind"]>(name: string, kind: Kind): Promise<EventOf<Kind>> {
    const { promise, resolve, reject } = Promise.withResolvers<Event>();
    const matches = (event: TimelineEvent): boolean => event.process === name && event.event.kind === kind;
    const waiting: Waiting = { matches, resolve };
    this.#waiting.add(waiting);
    const timer = setTimeout(() => reject(new Error(`waited in vain for ${kind} of ${name}`)), withinMs);
    try {
      return (await promise) as EventOf<Kind>;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  /** All events of this kind so far. */
  of<Kind extends Event["kind"]>(name: string, kind: Kind): readonly EventOf<Kind>[] {
    return this.#events
      .filter(({ process, event }) => process === name && event.kind === kind)
      .map(({ event }) => event as EventOf<Kind>);
  }

  /** The last events but for commits, of which there are too many, and what is known to be missing. */
  last(): string {
    const telling = this.#events.filter(({ event }) => event.kind !== "entries-committed");
    const lines = telling.slice(-lastShown).map(({ at, process, event }) => {
      return `  ${new Date(at).toISOString()} ${process} ${JSON.stringify(event)}`;
    });
    return ["the timeline:", ...lines, ...this.#gaps.map((gap) => `  ${gap}`)].join("\n");
  }

  #add(event: TimelineEvent): void {
    this.#events.push(event);
    for (const waiting of this.#waiting) if (waiting.matches(event)) waiting.resolve(event.event);
  }
}
