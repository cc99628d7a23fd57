/**
 * What the market's processes say of themselves while they are tortured (the timeline of `watch`): counted, because faults
 * that nobody notices prove nothing; and held against what was done to them, because a process that ends without having
 * been killed is a finding, whatever the history says.
 */
import { watchSupervisor } from "../supervisor/control-client.ts";
import type { TimelineEvent } from "../supervisor/timeline.ts";
import type { OwnMarket } from "./own-market.ts";

/** What is told of at the end, if it happened. */
export const tally = {
  elections: "replicas elected leader",
  transfers: "leaderships handed over",
  truncated: "log suffixes replaced by a leader's",
  cuts: "torn tails cut",
  recoveries: "logs and databases recovered from others",
  copies: "states copied from another replica",
  fullDisks: "disks that were full",
  lapses: "leases lapsed",
  resent: "orders that front-ends sent again",
} as const;

export type Tally = keyof typeof tally;

const warningsMax = 20;
const endsToldMax = 20;

/** An event, and who had it. */
export type Happened = TimelineEvent;

export class Happenings {
  readonly counts: Record<Tally, number> = {
    elections: 0,
    transfers: 0,
    truncated: 0,
    cuts: 0,
    recoveries: 0,
    copies: 0,
    fullDisks: 0,
    lapses: 0,
    resent: 0,
  };
  /** What processes warned of, each once. */
  readonly warnings = new Set<string>();
  /** Processes that ended without anybody's doing, or were given up. */
  readonly unexpected: string[] = [];
  /** Events that were left out because we were too slow. */
  missed = 0;
  readonly #pids = new Map<string, number>();
  readonly #doomed = new Set<number>();
  readonly #waiting = new Set<(event: Happened) => void>();

  /** Until the market's supervisor ends; what happens after it resolves is seen. */
  static async watch(market: OwnMarket): Promise<Happenings> {
    const happenings = new Happenings();
    watchSupervisor(market.data, (reply) => {
      if (reply.kind === "event") happenings.see(reply.event);
      else happenings.missed += reply.count;
    }).catch(() => undefined); // It ends with the supervisor.
    // The supervisor reads a second request later than the first.
    for (const { name, pid } of (await market.status()).processes) {
      if (pid !== null) happenings.see({ at: 0, process: name, event: { kind: "process-started", pid } });
    }
    return happenings;
  }

  /** This process is about to be ended: its end will be no finding. */
  doom(pid: number): void {
    this.#doomed.add(pid);
  }

  /** The next event from now on that fits; `undefined` if none comes in time. */
  next(fits: (event: Happened) => boolean, withinMs: number): Promise<Happened | undefined> {
    return new Promise((resolve) => {
      const done = (event: Happened | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(listen);
        resolve(event);
      };
      const listen = (event: Happened): void => {
        if (fits(event)) done(event);
      };
      const timer = setTimeout(() => done(undefined), withinMs);
      this.#waiting.add(listen);
    });
  }

  see(event: Happened): void {
    this.#count(event);
    for (const listen of [...this.#waiting]) listen(event);
  }

  #count({ process: name, event }: Happened): void {
    const { counts } = this;
    switch (event.kind) {
      case "process-started":
        this.#pids.set(name, event.pid);
        return;
      case "process-exited": {
        const pid = this.#pids.get(name);
        this.#pids.delete(name);
        // Without a number its beginning was missed, or nothing was.
        if (event.wanted || pid === undefined || this.#doomed.has(pid)) return;
        const how = event.signal === null ? `code ${event.code}` : event.signal;
        this.#tell(`${name} (process ${pid}) ended by itself with ${how}`);
        return;
      }
      case "process-failed":
        return this.#tell(`${name} was given up: ${event.message}`);
      case "state-changed":
        if (event.state === "leader") counts.elections++;
        return;
      case "leadership-transferred":
        counts.transfers++;
        return;
      case "suffix-truncated":
        counts.truncated++;
        return;
      case "tail-cut":
        counts.cuts++;
        return;
      case "recovery-finished":
        counts.recoveries++;
        return;
      case "snapshot-installed":
        counts.copies++;
        return;
      case "disk-full":
        counts.fullDisks++;
        return;
      case "lease-lapsed":
        counts.lapses++;
        return;
      case "orders-resent":
        counts.resent += event.count;
        return;
      case "warning":
        if (this.warnings.size < warningsMax) this.warnings.add(`${name}: ${event.message}`);
        return;
      default:
    }
  }

  #tell(what: string): void {
    if (this.unexpected.length < endsToldMax) this.unexpected.push(what);
  }
}
