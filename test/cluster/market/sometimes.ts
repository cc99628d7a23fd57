/** Situations that a run must have reached at least once, as in `../sometimes.ts`, of what stands around the group. */
export const marketSituations = [
  "a hit",
  "a miss",
  "a bypass",
  "a page was a hit",
  "a parked reader was answered by a push",
  "a parked reader was answered by a question",
  "a parked reader was released by a lapse",
  "a fill was dropped because of a newer invalidation",
  "a session ended by a lapse",
  "a session ended by a loss",
  "a session ended by a term",
  "a session ended by a recall",
  "a page was dropped because of an item on it",
  "a page was dropped because of an added item",
  "an unknown name was asked for while its item was on its way",
  "a catalog followed another replica",
  "a state was copied under a catalog's feed",
  "a restock invalidated everything",
  "a refused order touched an item",
  "a read followed what another front-end had shown before the order was answered",
  "a front-end woke to frames and readers",
  "an order was sent again under its key",
  "a read was not answered",
] as const;

export type MarketSituation = (typeof marketSituations)[number];

/** By rights a lease is over before anyone else can lead: a session sees the next term only if it was drained late. */
const rare: readonly MarketSituation[] = ["a session ended by a term"];

export class MarketSometimes {
  readonly counts = new Map<MarketSituation, number>(marketSituations.map((name) => [name, 0]));

  saw(name: MarketSituation): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  get missing(): readonly MarketSituation[] {
    return marketSituations.filter((name) => this.counts.get(name) === 0 && !rare.includes(name));
  }
}
