/**
 * The markets that need no file. Three published course projects came with these goods and prices (four of the
 * stocks, all toys and all books are theirs), so their clients find what they expect; six stocks are our own.
 */
import type { ItemDefinition, MarketDefinition } from "./definition.ts";

function item(name: string, priceMinor: number, quantity: number): ItemDefinition {
  return { name, priceMinor, quantity };
}

const stocks: MarketDefinition = {
  name: "stocks",
  resource: "stocks",
  currency: "USD",
  sides: ["buy", "sell"],
  maxQuantity: 5_000,
  items: [
    item("FishCo", 17_99, 1_000),
    item("BoarCo", 28_59, 1_000),
    item("MenhirCo", 38_69, 1_000),
    item("GameStart", 15_99, 1_000),
    item("HarborFreightways", 64_20, 500),
    item("LanternWorks", 12_35, 2_000),
    item("MossAndMoor", 7_80, 2_000),
    item("NorthGlass", 91_15, 300),
    item("OrchardRail", 143_50, 200),
    item("QuarryBank", 219_05, 100),
  ],
};

const toys: MarketDefinition = {
  name: "toys",
  resource: "products",
  currency: "USD",
  sides: ["buy"],
  restock: { everyTicks: 10, when: 0, to: 100 },
  items: [
    item("tux", 25_99, 100),
    item("whale", 19_99, 100),
    item("elephant", 20_99, 100),
    item("dolphin", 15_99, 100),
    item("fox", 9_99, 100),
    item("monopoly", 49_99, 100),
    item("lego", 29_99, 100),
    item("marbles", 4_99, 100),
    item("frisbee", 2_49, 100),
    item("bicycle", 99_99, 100),
  ],
};

/** A book's name is its title: it is found by either word. Prices are whole dollars in the original. */
function book(title: string, topic: string, dollars: number): ItemDefinition {
  return { name: title, title, topic, priceMinor: dollars * 100, quantity: 5 };
}

const books: MarketDefinition = {
  name: "books",
  resource: "books",
  currency: "USD",
  sides: ["buy"],
  items: [
    book("How to get a good grade in 677 in 20 minutes a day", "ds", 100),
    book("RPCs for Dummies", "ds", 200),
    book("Xen and the Art of Surviving Graduate School", "gs", 300),
    book("Cooking for the Impatient Graduate Student", "gs", 400),
    book("How to finish Project 3 on time", "ds", 200),
    book("Why theory classes are so hard", "gs", 300),
    book("Spring in the Pioneer Valley", "gs", 400),
  ],
};

/** By the name that `--market` takes. */
export const builtinMarkets: ReadonlyMap<string, MarketDefinition> = new Map(
  [stocks, toys, books].map((market) => [market.name, market]),
);
