/** What the parts of a history share when there are front-ends and catalogs around the group. */

import type { MarketDefinition } from "../../../src/market/definition.ts";
import type { World } from "../world.ts";
import type { Connections } from "./connection.ts";
import type { Machine } from "./machine.ts";
import type { Oracle } from "./oracle.ts";
import type { BrokenMarket } from "./rule-breaker.ts";
import type { MarketSometimes } from "./sometimes.ts";

export interface MarketWorld extends World {
  readonly market: MarketSometimes;
  readonly oracle: Oracle;
  readonly connections: Connections;
  /** Something that faults like to strike at is about to be sent. */
  onFrame(kind: number, to: Machine): void;
  readonly brokenMarket: BrokenMarket | undefined;
  readonly definition: MarketDefinition;
  /** The leader logs a tick so often, while it is to. */
  readonly tickMs: number;
  ticking: boolean;
  /** Replies that a front-end may keep. */
  readonly cacheEntries: number;
  /** How long a replica takes between what is handed out and what is applied, at most and mostly. */
  readonly applyMs: number;
}
