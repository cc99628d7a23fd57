/** Rules of the leased cache that a history can break on purpose, in the drivers around what decides, to see it caught. */
import { encodeRows } from "../../../src/answering/pages.ts";
import { ByteWriter } from "../../../src/base/bytes.ts";
import type { LogIndex } from "../../../src/base/units.ts";
import { apply } from "../../../src/market/apply.ts";
import { writeItem } from "../../../src/market/codec.ts";
import type { Command } from "../../../src/market/command.ts";
import { marketState, restoreMarket } from "../../../src/market/market.ts";
import { writeChange } from "../../../src/wire/feed.ts";
import { serviceFrames } from "../../../src/wire/service.ts";
import type { Oracle } from "./oracle.ts";
import type { OrderService } from "./order.ts";

export const brokenMarketRules = [
  /** A holder acknowledges an invalidation before it carries it out. */
  "acknowledges before it invalidates",
  "never invalidates",
  /** A fill is kept, though it is older than the item's last invalidation. */
  "keeps old fills",
  /** A front-end's clock stands still while it is stopped, so that it keeps its session across a lapse. */
  "sleeps through a lapse",
  /** A lease is counted from when it was granted to the holder. */
  "counts from the answer",
  /** A new leader does not wait for the leases of former ones. */
  "does not wait",
  /** A leader takes every lease for acknowledged at once. */
  "commits without acknowledgements",
  /** A leader tells changes as it appends them. */
  "shows what is not committed",
  /** A catalog answers from where it is, whatever position was asked for. */
  "answers below the position",
] as const;
export type BrokenMarket = (typeof brokenMarketRules)[number];

/** Tells of an entry that was just appended as if it were applied. */
export function showUncommitted(
  { market, catalogs, leases }: OrderService,
  oracle: Oracle,
  index: LogIndex,
  commands: readonly Command[],
): void {
  if (market.definition === undefined) return;
  const ahead = restoreMarket(marketState(market));
  const { rows } = apply(ahead, { at: 0, commands }, (key) => oracle.answered(key, market.position));
  const change = new ByteWriter();
  writeChange(change, { index, position: ahead.position, rows: encodeRows(rows.items, writeItem).rows });
  for (const link of catalogs) link.change(change.peek());
  leases.tell(serviceFrames.change, change.peek());
}
