/**
 * Copy another replica's state into this one's store: for a replica whose missing entries are in no log any more, or
 * whose store was lost. Sources are tried in turn until one copy is whole. Orders and answers of client keys never
 * change, so whatever was stored of them is kept, whoever it came from, and the next source is asked only for the rest.
 */
import { setTimeout } from "node:timers/promises";
import { assert, present } from "../base/assert.ts";
import { ByteReader, DecodeError } from "../base/bytes.ts";
import { OperatingFailure } from "../base/failure.ts";
import { integerBetween, type Random } from "../base/random.ts";
import { type LogIndex, logIndex, type OrderNumber, type Position, type Term } from "../base/units.ts";
import { readState } from "../market/codec.ts";
import type { Counters, MarketState } from "../market/rows.ts";
import type { Copy, Store } from "../store/port.ts";
import type { CopyRequest } from "../wire/copy.ts";
import type { Hello } from "../wire/hello.ts";
import type { ProcessEvent, ServiceAddress } from "../wire/process.ts";
import { checkAnswers, checkOrders } from "./copied-rows.ts";
import { CopyLink, SourceFailed } from "./copy-link.ts";

const copyLimits = {
  /** Between two rounds through all sources. */
  pauseMs: 200,
  /** A source whose data does not check is left out for so long. */
  damagedPauseMs: 60_000,
  /** A state that is larger is not taken: far beyond what a market's bounds come to in practice. */
  stateBytes: 512 * 1024 * 1024,
} as const;

export type CopyEvent = Extract<
  ProcessEvent,
  { kind: "snapshot-started" | "snapshot-installed" | "warning" }
>;

export interface CopyStateOptions {
  /** The other replicas, at least one. */
  readonly peers: readonly ServiceAddress[];
  /** With the role `copier`. */
  readonly hello: Hello;
  readonly store: Pick<Store, "flush" | "flushed" | "copy">;
  /** The least log index that the copied state must include. */
  readonly atLeast: LogIndex;
  readonly onEvent: (event: CopyEvent) => void;
  readonly signal: AbortSignal;
  readonly random: Random;
}

/** What the store holds now, durably. */
export interface CopiedState {
  readonly index: LogIndex;
  readonly term: Term;
  readonly state: MarketState;
}

/**
 * Resolves once the store holds another replica's state; until then it tries for ever. From the call on nothing else
 * may be appended to the store; when it rejects nothing is under way any more, and a later call goes on where it stopped.
 *
 * Rejects with the signal's reason when aborted, with the store's own failure, and with `wrong-data` if the store found for
 * every source that the rows it holds do not make that source's state: what it had before the copy is wrong then, and it
 * must be set aside.
 */
export async function copyState(options: CopyStateOptions): Promise<CopiedState> {
  const { peers, signal, random } = options;
  assert(peers.length > 0, "a copy needs another replica");
  await options.store.flush();
  const copying = new StateCopy(options);
  const first = integerBetween(random, 0, peers.length - 1);
  for (let turn = 0; ; turn++) {
    if (turn > 0 && turn % peers.length === 0) await pause(signal);
    const source = present(peers[(first + turn) % peers.length], "a source");
    const copied = await copying.tryFrom(source);
    if (copied !== undefined) return copied;
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(copyLimits.pauseMs, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

/** Orders, or answers of client keys: a list that only grows, copied from a cursor on. */
interface Growing<Cursor> {
  readonly cursor: Cursor;
  request(from: Cursor): CopyRequest;
  /** Where the next range begins. Throws `DecodeError`. */
  check(rows: Uint8Array, from: Cursor): Cursor;
  add(rows: Uint8Array): Promise<void>;
  /** Whether nothing is left from `cursor` on; an empty range says so too. */
  complete(cursor: Cursor): boolean;
}

class StateCopy {
  readonly #options: CopyStateOptions;
  /** Sources whose data did not check, and when they may be tried again (monotonic milliseconds). */
  readonly #leftOut = new Map<ServiceAddress, number>();
  /** Sources whose state the store refused, because the rows that it holds do not make it. */
  readonly #mismatched = new Set<ServiceAddress>();

  constructor(options: CopyStateOptions) {
    this.#options = options;
  }

  /** The whole copy, or as much of it as this source will give: `undefined` then. */
  async tryFrom(source: ServiceAddress): Promise<CopiedState | undefined> {
    const { hello, signal, onEvent } = this.#options;
    signal.throwIfAborted();
    if (performance.now() < (this.#leftOut.get(source) ?? 0)) return undefined;
    const link = new CopyLink(source, hello, signal);
    try {
      return await this.#from(source, link);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SourceFailed)) throw error;
      if (error.damaged) {
        this.#leftOut.set(source, performance.now() + copyLimits.damagedPauseMs);
        onEvent({
          kind: "warning",
          message: `the state of ${source.name} cannot be copied: ${error.message}`,
        });
      }
      return undefined;
    } finally {
      link.close();
    }
  }

  async #from(source: ServiceAddress, link: CopyLink): Promise<CopiedState> {
    const { store, signal, onEvent } = this.#options;
    const atLeast = logIndex(Math.max(this.#options.atLeast, store.flushed));
    const copied = await fetchState(link, atLeast);
    if (copied.index < atLeast) throw new SourceFailed("is behind", false);
    const { counters } = copied.state;
    // Anew for each source: after a mismatch the store holds less than before.
    const copy = await store.copy();
    const event = { from: source.name, position: counters.position } as const;
    onEvent({ kind: "snapshot-started", ...event });
    const orders = await fetchRows(link, growingOrders(copy, counters));
    if (orders < counters.nextOrder) {
      throw new SourceFailed(`its orders end at ${orders}, not at ${counters.nextOrder}`, true);
    }
    await fetchRows(link, growingAnswers(copy, counters));
    signal.throwIfAborted();
    await this.#install(source, copy, copied);
    onEvent({ kind: "snapshot-installed", ...event });
    return copied;
  }

  async #install(source: ServiceAddress, copy: Copy, { index, term, state }: CopiedState): Promise<void> {
    try {
      await copy.install(index, term, state);
    } catch (error) {
      // Whose rows are wrong is not known: one of the sources', or what the store had before.
      if (!isWrongData(error)) throw error;
      this.#mismatched.add(source);
      if (this.#mismatched.size === this.#options.peers.length) throw error;
      throw new SourceFailed(error.message, true);
    }
  }
}

async function fetchState(link: CopyLink, atLeast: LogIndex): Promise<CopiedState> {
  const first = await link.ask({ kind: "begin", atLeast }, "state");
  const parts = [first.bytes];
  let bytes = first.bytes.length;
  for (let { more } = first; more; ) {
    const part = await link.ask({ kind: "more" }, "state");
    parts.push(part.bytes);
    bytes += part.bytes.length;
    if (part.index !== first.index || part.term !== first.term) {
      throw new SourceFailed("sent parts of two states", true);
    }
    if (bytes > copyLimits.stateBytes) throw new SourceFailed(`sent a state of over ${bytes} bytes`, true);
    more = part.more;
  }
  const state = decoded(() => {
    const reader = new ByteReader(Buffer.concat(parts, bytes));
    const read = readState(reader);
    reader.end();
    return read;
  });
  return { index: first.index, term: first.term, state };
}

function growingOrders(copy: Copy, counters: Counters): Growing<OrderNumber> {
  return {
    cursor: copy.nextOrder,
    request: (from) => ({ kind: "orders", from }),
    check: (rows, from) => checkOrders(rows, from, counters),
    add: (rows) => copy.addOrders(rows),
    complete: (cursor) => cursor >= counters.nextOrder,
  };
}

function growingAnswers(copy: Copy, counters: Counters): Growing<Position> {
  return {
    cursor: copy.answersThrough,
    request: (after) => ({ kind: "answers", after }),
    check: (rows, after) => checkAnswers(rows, after, counters),
    add: (rows) => copy.addAnswers(rows),
    complete: (cursor) => cursor >= counters.position,
  };
}

/**
 * Copies what is missing of a list, and returns where it ends. The next range is asked for while the store writes the
 * last one: at most two are in memory.
 */
async function fetchRows<Cursor extends number>(link: CopyLink, list: Growing<Cursor>): Promise<Cursor> {
  let { cursor } = list;
  let writing = Promise.resolve();
  try {
    while (!list.complete(cursor)) {
      const { rows } = await link.ask(list.request(cursor), "rows");
      const next = decoded(() => list.check(rows, cursor));
      await writing;
      if (next === cursor) break;
      writing = taken(list.add(rows));
      // It is awaited below; until then its failure must not count as nobody's.
      writing.catch(() => undefined);
      cursor = next;
    }
  } finally {
    await writing;
  }
  return cursor;
}

/** What `read` makes of a source's bytes. */
function decoded<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new SourceFailed(error.message, true);
  }
}

/** The store has written a source's rows, or found that they are wrong. */
async function taken(writing: Promise<void>): Promise<void> {
  try {
    await writing;
  } catch (error) {
    throw isWrongData(error) ? new SourceFailed(error.message, true) : error;
  }
}

function isWrongData(error: unknown): error is OperatingFailure {
  return error instanceof OperatingFailure && error.code === "wrong-data";
}
