/**
 * Which orders have a line of an item: runs of ascending order numbers, at most some hundred in one row of
 * `item_orders`. A group adds its own rows and never changes old ones. Runs of one item do not overlap, so they can be
 * walked from the newest down without a sort.
 */
import type Database from "better-sqlite3";
import type { ItemId, OrderNumber } from "../../base/units.ts";

/** A page of the API is found in one to three runs, and a run is about one page of the file. */
const runLength = 400;

export interface ItemOrdersWriter {
  /** Numbers ascend; the same pair may come twice in a row. */
  add(item: ItemId, number: OrderNumber): void;
  end(): void;
}

export function itemOrdersWriter(database: Database.Database): ItemOrdersWriter {
  const insert = database.prepare("INSERT INTO item_orders VALUES (?, ?, ?)");
  const runs = new Map<ItemId, OrderNumber[]>();
  const write = (item: ItemId, run: readonly OrderNumber[]): void => {
    insert.run(item, run[0], `[${run.join(",")}]`);
  };
  return {
    add(item, number) {
      const run = runs.get(item);
      if (run === undefined) {
        runs.set(item, [number]);
        return;
      }
      if (run[run.length - 1] === number) return;
      if (run.length === runLength) {
        write(item, run);
        run.length = 0;
      }
      run.push(number);
    },
    end() {
      for (const [item, run] of runs) write(item, run);
      runs.clear();
    },
  };
}

/** The numbers of the item's orders above `after` and below `before`, newest first. */
export function itemOrdersReader(
  database: Database.Database,
): (item: number, after: number, before: number) => Iterable<OrderNumber> {
  const runsBelow = database
    .prepare("SELECT numbers FROM item_orders WHERE item = ? AND first < ? ORDER BY first DESC LIMIT 1")
    .pluck();
  return function* walk(item, after, before) {
    let below = before;
    for (;;) {
      const text = runsBelow.get(item, below) as string | undefined;
      if (text === undefined) return;
      const run = JSON.parse(text) as OrderNumber[];
      for (let i = run.length - 1; i >= 0; i--) {
        const number = run[i] as OrderNumber;
        if (number <= after) return;
        if (number < below) yield number;
      }
      below = run[0] as number;
    }
  };
}

/** Forgets all orders from `from` on. Reads the whole table: it is seldom done. */
export function itemOrdersTrimmer(database: Database.Database): (from: number) => void {
  const remove = database.prepare("DELETE FROM item_orders WHERE first >= ?");
  // What SQLite gives of the other columns is the row that has the maximum.
  const newest = database.prepare("SELECT item, max(first) AS first, numbers FROM item_orders GROUP BY item");
  const shorten = database.prepare("UPDATE item_orders SET numbers = ? WHERE item = ? AND first = ?");
  return (from) => {
    remove.run(from);
    for (const row of newest.all() as { item: number; first: number; numbers: string }[]) {
      const run = JSON.parse(row.numbers) as number[];
      const kept = run.filter((number) => number < from);
      if (kept.length < run.length) shorten.run(`[${kept.join(",")}]`, row.item, row.first);
    }
  };
}
