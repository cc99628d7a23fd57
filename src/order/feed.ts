/**
 * Tells followers outside the group of every entry that is applied: catalogs, which follow any replica, and front-ends
 * that hold a lease of this one. The rows of an entry are encoded once for all of them.
 */
import { encodeRows } from "../answering/pages.ts";
import { ByteWriter } from "../base/bytes.ts";
import type { LogIndex } from "../base/units.ts";
import { writeItem } from "../market/codec.ts";
import { listItems, type Market } from "../market/market.ts";
import type { ItemRow } from "../market/rows.ts";
import { writeChange } from "../wire/feed.ts";
import { serviceFrames } from "../wire/service.ts";
import type { Applied } from "./applied.ts";
import type { CatalogLink } from "./catalog-link.ts";
import type { LeaseTable } from "./leases.ts";

/** A change of more rows than this is not told as one: see `changed`. About 100,000 items of ordinary size. */
const changeBytesMax = 8 * 1024 * 1024;

export interface FeedHost {
  readonly market: Market;
  readonly applied: Pick<Applied, "index">;
  readonly leases: Pick<LeaseTable, "held" | "tell">;
}

export class Feed {
  readonly #host: FeedHost;
  readonly #catalogs = new Set<CatalogLink>();
  /** Used for every change. */
  readonly #body = new ByteWriter(4_096);

  constructor(host: FeedHost) {
    this.#host = host;
  }

  /** The catalog is sent all items as they are now, and from here on every change. */
  follow(link: CatalogLink): void {
    const { market, applied } = this.#host;
    const rows = listItems(market, { limit: market.items.length });
    this.#catalogs.add(link);
    link.begin({ index: applied.index, position: market.position, rows });
  }

  leave(link: CatalogLink): void {
    this.#catalogs.delete(link);
  }

  /**
   * An entry was applied, the market is that after it, and these items were changed. Also told if there are none: then a
   * position became known. Rows beyond all measure would be no frame: catalogs then start anew, which takes many, and
   * front-ends are told of the position and ask for what they want.
   */
  changed(index: LogIndex, items: readonly ItemRow[]): void {
    const { market, leases } = this.#host;
    if (this.#catalogs.size === 0 && !leases.held) return;
    const page = encodeRows(items, writeItem, changeBytesMax);
    if (page.more) this.startAnew();
    const { rows } = page.more ? encodeRows([], writeItem) : page;
    this.#body.reset();
    writeChange(this.#body, { index, position: market.position, rows });
    const body = this.#body.peek();
    for (const link of this.#catalogs) link.change(body);
    leases.tell(serviceFrames.change, body);
  }

  /** What catalogs were told does not lead to the present state: cut off, they dial again and begin anew. */
  startAnew(): void {
    for (const link of this.#catalogs) link.cutOff("the state is begun anew");
    this.#catalogs.clear();
  }
}
