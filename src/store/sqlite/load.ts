/**
 * The state that the file holds, checked as far as that is cheap: against its own counters, and by making a market of
 * it. What fails here is damage, and is found before a replica relies on it; that every row is the right one only a
 * digest can say.
 */
import type Database from "better-sqlite3";
import { assert } from "../../base/assert.ts";
import { logIndex, term } from "../../base/units.ts";
import type { MarketDefinition } from "../../market/definition.ts";
import { restoreMarket } from "../../market/market.ts";
import type { Counters, MarketState } from "../../market/rows.ts";
import type { Stored } from "../port.ts";
import {
  countersFromColumns,
  items,
  lastAnswer,
  nextOrder,
  readMark,
  readState,
  type StateColumns,
  sessionAnswers,
  sessions,
} from "./tables.ts";

/** In a transaction. Throws whatever error if the tables cannot be right. */
export function load(database: Database.Database): Stored {
  const copying = readMark(database) !== undefined;
  const row = readState(database);
  const definition = database.prepare("SELECT definition FROM market").pluck().get() as string | null;
  if (row === undefined) {
    assert(definition === null, "there is a market, but no state of it");
    if (!copying) assertTotals(database, { nextOrder: 0, position: 0 }, false);
    return { index: logIndex(0), term: term(0), state: undefined, copying };
  }
  const state = definition === null ? undefined : readMarket(database, row, definition, copying);
  return { index: logIndex(row.log_index), term: term(row.log_term), state, copying };
}

function readMarket(
  database: Database.Database,
  row: StateColumns,
  definition: string,
  copying: boolean,
): MarketState {
  const state: MarketState = {
    definition: JSON.parse(definition) as MarketDefinition,
    items: [...items(database)],
    sessions: [...sessions(database)],
    sessionAnswers: [...sessionAnswers(database)],
    counters: countersFromColumns(row),
  };
  assertTotals(database, state.counters, copying);
  // It asserts whatever a market relies on: names, ids, counts, whose answers they are.
  restoreMarket(state);
  return state;
}

/** While a copy is under way there may be more orders and answers than the state says, never less. */
function assertTotals(
  database: Database.Database,
  { nextOrder: next, position }: Pick<Counters, "nextOrder" | "position"> | { nextOrder: 0; position: 0 },
  copying: boolean,
): void {
  const orders = nextOrder(database);
  assert(
    copying ? orders >= next : orders === next,
    `the next order would be ${next}, but the last row is order ${orders - 1}`,
  );
  const answered = lastAnswer(database);
  assert(
    copying || answered <= position,
    `an answer at ${answered} is beyond the state's position ${position}`,
  );
}
