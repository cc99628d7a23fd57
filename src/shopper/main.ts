/**
 * `bazaar shop`: shoppers that look up, order, and check that the service told the truth. A library too: a test that
 * breaks things starts a shop, watches `inFlight`, and reads the report.
 */
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { assert } from "../base/assert.ts";
import { BazaarClient, type ClientOptions } from "../client/client.ts";
import { monotonicNs } from "../client/clock.ts";
import type { Item } from "../client/types.ts";
import { choicesOf } from "./choices.ts";
import { defaultIterations, defaultShopOptions, type ShopOptions, shopOptionFaults } from "./options.ts";
import { Pacer } from "./pacer.ts";
import { type RecordedHeader, Recorder } from "./recorder.ts";
import { formatShopReport, reportOf, type ShopReport } from "./report.ts";
import { type Shop, Shopper } from "./shopper.ts";
import { Tally } from "./tally.ts";

/** How long a shop tries to reach a service before it gives up on beginning. */
const reachMs = 5_000;

/** A shop that runs. */
export interface RunningShop {
  /** Rejects only if the shop could not begin or could not record. */
  readonly done: Promise<ShopReport>;
  /** Orders that were sent and are not yet answered. */
  inFlight(): number;
  /** Orders acknowledged so far. */
  placed(): number;
  /** Begin no more rounds; what is under way ends, and verification follows. */
  stop(): void;
  /**
   * End now: what is under way is given up and counted as errors, and nothing is verified. For whoever knows that the
   * service will not answer any more; `done` tells what came about before.
   */
  abandon(): void;
}

/** How a shop is told to end. */
interface Endings {
  readonly stopping: AbortController;
  readonly abandoning: AbortController;
}

export interface ShopOutput {
  /** The report. */
  readonly data: (text: string) => void;
  readonly progress: (text: string) => void;
}

/** Start shopping. What is not given is as in `defaultShopOptions`; faulty options throw a `RangeError`. */
export function startShop(given: Partial<ShopOptions>): RunningShop {
  const options = { ...defaultShopOptions, ...given };
  const faults = shopOptionFaults(options);
  if (faults.length > 0) throw new RangeError(faults.join("; "));
  const tally = new Tally();
  const stopping = new AbortController();
  const abandoning = new AbortController();
  // One waiting shopper is one listener.
  setMaxListeners(0, stopping.signal);
  return {
    done: run(options, tally, { stopping, abandoning }),
    inFlight: () => tally.ordersInFlight,
    placed: () => tally.placed,
    stop: () => stopping.abort(),
    abandon: () => {
      stopping.abort();
      abandoning.abort();
    },
  };
}

/** Shop to the end and tell the report, as text or as JSON. Exit codes are the caller's: `shopExitCode`. */
export async function shop(
  options: Partial<ShopOptions> & { readonly json?: boolean },
  output: ShopOutput,
): Promise<ShopReport> {
  const { json, ...rest } = options;
  const running = startShop(rest);
  const { url, clients, mode } = { ...defaultShopOptions, ...rest };
  output.progress(`shopping at ${url}: ${clients} clients, mode ${mode}\n`);
  const report = await running.done;
  output.data(json === true ? `${JSON.stringify(report)}\n` : formatShopReport(report));
  return report;
}

async function run(options: ShopOptions, tally: Tally, endings: Endings): Promise<ShopReport> {
  const { url, token, clients, deadlineMs } = options;
  const access = { url, ...(token === undefined ? {} : { token }) };
  const { signal } = endings.abandoning;
  const lookingMs = Math.min(deadlineMs, reachMs);
  const { resource, listed, positions } = await lookAround(
    openClient({ ...access, deadlineMs: lookingMs }, signal),
  );
  const client = openClient({ ...access, resource, connections: clients, deadlineMs }, signal);
  let recorder: Recorder | undefined;
  try {
    const items = chosenItems(options, listed);
    recorder =
      options.record === undefined
        ? undefined
        : await Recorder.create(options.record, headerOf(options, items, positions));
    const result = await runClients(options, tally, endings, client, recorder, items);
    await recorder?.close();
    recorder = undefined;
    return result;
  } finally {
    client.close();
    await recorder?.close().catch(() => {
      // Only reached when the shop failed already: that failure is the one to tell.
    });
  }
}

/** A client that is closed when the shop is abandoned, and by its user otherwise. */
function openClient(options: ClientOptions, abandoned: AbortSignal): BazaarClient {
  const client = new BazaarClient(options);
  if (abandoned.aborted) client.close();
  else abandoned.addEventListener("abort", () => client.close(), { once: true });
  return client;
}

/** The market before the shoppers enter. A service that is not there is noticed soon. */
async function lookAround(
  client: BazaarClient,
): Promise<{ readonly resource: string; readonly listed: readonly Item[]; readonly positions: boolean }> {
  try {
    const { facts } = await client.items({ limit: 1 });
    const positions = facts.position !== undefined;
    return { resource: await client.resource(), listed: await client.allItems(), positions };
  } finally {
    client.close();
  }
}

async function runClients(
  options: ShopOptions,
  tally: Tally,
  { stopping, abandoning }: Endings,
  client: BazaarClient,
  recorder: Recorder | undefined,
  items: readonly Item[],
): Promise<ShopReport> {
  const clock = monotonicNs;
  const newKey = (): string => randomBytes(16).toString("hex");
  const shared: Shop = {
    options,
    client,
    tally,
    clock,
    recorder,
    newKey,
    seen: new Map(),
    oneSide: undefined,
  };
  const names = items.map(({ name }) => name);
  const shoppers = Array.from(
    { length: options.clients },
    (_, number) =>
      new Shopper(
        shared,
        number,
        choicesOf(options, number, names, () => shared.oneSide),
      ),
  );
  const start = clock();
  const timer =
    options.seconds === undefined ? undefined : setTimeout(() => stopping.abort(), options.seconds * 1_000);
  const pacer = options.rate === undefined ? undefined : new Pacer(options.rate, clock);
  let seconds: number;
  try {
    await all(shoppers.map((shopper) => rounds(shopper, options, pacer, stopping)));
    seconds = (clock() - start) / 1e9;
  } finally {
    clearTimeout(timer);
  }
  if (options.verify === "all" && !abandoning.signal.aborted)
    await all(shoppers.map((shopper) => shopper.verifyAll()));
  const { mode, clients, seed } = options;
  return reportOf(tally, client.counters, { mode, clients, seed, seconds });
}

/** Like `Promise.all`, but waits for all even when one fails. */
async function all(promises: readonly Promise<void>[]): Promise<void> {
  const ended = await Promise.allSettled(promises);
  const failed = ended.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

async function rounds(
  shopper: Shopper,
  options: ShopOptions,
  pacer: Pacer | undefined,
  stopping: AbortController,
): Promise<void> {
  const { signal } = stopping;
  const most =
    options.iterations ?? (options.seconds === undefined ? defaultIterations : Number.POSITIVE_INFINITY);
  try {
    await shopper.prepare();
    for (let round = 0; round < most && !signal.aborted; round++) {
      if (pacer !== undefined) await pacer.take(signal);
      await shopper.round();
    }
  } catch (error) {
    // The pacer's wait ends early when the shop stops. Anything else ends the other shoppers too.
    if (signal.aborted && error instanceof Error && error.name === "AbortError") return;
    stopping.abort();
    throw error;
  }
}

/** The items to shop for. A name that the market does not have is a mistake in the options. */
function chosenItems(options: ShopOptions, listed: readonly Item[]): readonly Item[] {
  if (typeof options.items === "string") {
    if (listed.length === 0) throw new RangeError("the market has no items");
    return listed;
  }
  return options.items.map((wanted) => {
    const item = listed.find(({ name }) => name === wanted);
    if (item === undefined) throw new RangeError(`the market has no item ${wanted}`);
    return item;
  });
}

/** `positions`: whether the service tells them. */
function headerOf(options: ShopOptions, items: readonly Item[], positions: boolean): RecordedHeader {
  const told = positions ? {} : { positions };
  if (!options.alone) return { complete: false, ...told };
  assert(items.length > 0, "a complete history needs its items");
  return {
    complete: true,
    ...told,
    initial: items.map(({ name, quantity, volume, priceMinor }) => ({
      item: name,
      quantity,
      volume,
      priceMinor,
    })),
  };
}
