/** What `bazaar shop` can be told: a plain object, so that a command line, a test and an experiment fill it alike. */

export type ShopMode = "session" | "mixed" | "lookup" | "order" | "query";

export interface ShopOptions {
  readonly url: string;
  readonly token: string | undefined;
  /** Shoppers at a time, each doing one thing after another. */
  readonly clients: number;
  /** The probability that a shopper orders what it looked up and found in stock. */
  readonly p: number;
  /** Each client's rounds; `undefined`: until `seconds` are over or `stop` is called. */
  readonly iterations: number | undefined;
  readonly seconds: number | undefined;
  /** Rounds a second of all clients together, evenly paced; `undefined`: as fast as answers come. */
  readonly rate: number | undefined;
  /** Decides every choice of items, quantities, sides and orders; never the keys, which must be new each time. */
  readonly seed: number;
  /** `mix`: both with equal probability, until the market says that it has one side only. */
  readonly sides: "buy" | "sell" | "mix";
  /** Units an order, both bounds included. */
  readonly quantity: { readonly low: number; readonly high: number };
  /** `zipf`: the k-th item of the list with a probability proportional to 1/k. */
  readonly items: "uniform" | "zipf" | readonly string[];
  /**
   * - `session`: look an item up; if it is in stock, order it with probability `p`
   * - `mixed`: with probability `p` an order, otherwise a lookup
   * - `lookup`, `order`: only that
   * - `query`: place a few orders, then ask for own orders by number
   */
  readonly mode: ShopMode;
  /** Whether a shopper queries all its orders before it leaves, or only a sample as it goes. */
  readonly verify: "all" | "sample";
  /** A file to record the history in, as `bazaar verify` reads it. */
  readonly record: string | undefined;
  /** Claim in the recording that nobody and nothing else changes these items meanwhile: values are checked exactly. */
  readonly alone: boolean;
  /** From a request to giving it up, all its retries included. */
  readonly deadlineMs: number;
}

export const defaultShopOptions: ShopOptions = {
  url: "http://127.0.0.1:8000",
  token: undefined,
  clients: 5,
  p: 0.8,
  iterations: undefined,
  seconds: undefined,
  rate: undefined,
  seed: 1,
  sides: "mix",
  quantity: { low: 1, high: 10 },
  items: "uniform",
  mode: "session",
  verify: "all",
  record: undefined,
  alone: false,
  deadlineMs: 30_000,
};

/** Rounds of each client where neither `iterations` nor `seconds` was given. */
export const defaultIterations = 100;

/** What is wrong with the options, a sentence each. */
export function shopOptionFaults(options: ShopOptions): string[] {
  const faults: string[] = [];
  const need = (condition: boolean, fault: string): void => {
    if (!condition) faults.push(fault);
  };
  const { clients, p, iterations, seconds, rate, quantity, items } = options;
  need(
    URL.canParse(options.url) && new URL(options.url).protocol === "http:",
    "url must be http://host:port",
  );
  need(Number.isSafeInteger(clients) && clients >= 1 && clients <= 10_000, "clients must be 1 to 10000");
  need(p >= 0 && p <= 1, "p must be between 0 and 1");
  need(
    iterations === undefined || (Number.isSafeInteger(iterations) && iterations >= 0),
    "iterations must be a whole number",
  );
  need(seconds === undefined || seconds > 0, "seconds must be positive");
  need(rate === undefined || rate > 0, "rate must be positive");
  need(Number.isSafeInteger(options.seed) && options.seed >= 0, "seed must be a whole number");
  need(quantity.low >= 1 && quantity.low <= quantity.high, "quantity must be LOW..HIGH, from 1");
  need(typeof items === "string" || items.length > 0, "items must name at least one");
  return faults;
}
