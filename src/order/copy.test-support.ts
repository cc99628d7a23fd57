/** Sources of copies on real sockets, and stores that tell what is done with them. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { ByteReader } from "../base/bytes.ts";
import { equalHash } from "../base/hash128.ts";
import { type LogIndex, logIndex, term } from "../base/units.ts";
import { readOrder } from "../market/codec.ts";
import type { MarketState, OrderRow, Rows } from "../market/rows.ts";
import { openMemoryStore } from "../store/memory.ts";
import type { Frozen, Store } from "../store/port.ts";
import { sampleEntries } from "../store/sample.ts";
import { type Hello, readHello } from "../wire/hello.ts";
import { type Acceptor, Listener } from "../wire/listener.ts";
import type { ServiceAddress } from "../wire/process.ts";
import { CopySource, type CopySourceOptions } from "./copy-source.ts";
import type { CopyEvent, CopyStateOptions } from "./copy-state.ts";

const host = "127.0.0.1";
const cluster = "c";
export const copierHello: Hello = { cluster, role: "copier", name: "order-1", id: 1, incarnation: 1 };

/** Appends the entries of a made-up market, the same in every feed. */
export class Feed {
  readonly #entries: Iterator<Rows> = sampleEntries({ seed: 1, ordersPerEntry: 20 });
  #index = 0;

  get index(): LogIndex {
    return logIndex(this.#index);
  }

  append(count: number, ...stores: readonly Store[]): void {
    for (let i = 0; i < count; i++) {
      this.#index++;
      const rows = this.#entries.next().value as Rows;
      for (const store of stores) store.append(logIndex(this.#index), term(1 + (this.#index >> 6)), rows);
    }
  }
}

/** A store of `entries` entries. */
export function storeOf(entries: number): Store {
  const store = openMemoryStore();
  new Feed().append(entries, store);
  return store;
}

type SourceStore = CopySourceOptions["store"];

/** The store, but what it freezes is as `change` makes it. */
export function freezingAs(store: SourceStore, change: (frozen: Frozen) => Frozen): SourceStore {
  return {
    flush: () => store.flush(),
    get flushed() {
      return store.flushed;
    },
    freeze: async () => change(await store.freeze()),
  };
}

export interface TestSource {
  readonly address: ServiceAddress;
  /** Dies: it listens no more and its connections are lost. */
  close(): Promise<void>;
}

/** Serves copies of `store`, in small pieces, until the test is over. */
export async function openSource(
  t: TestContext,
  id: number,
  store: SourceStore,
  options: Partial<CopySourceOptions> = {},
): Promise<TestSource> {
  const source = new CopySource({
    store,
    partBytes: 100,
    rangeBytes: 2_000,
    ...options,
  });
  const listener = await Listener.open({ host, port: 0 }, (connection) => {
    let greeted: Acceptor | undefined;
    return {
      frame: (kind, body) => {
        if (greeted !== undefined) return greeted.frame(kind, body);
        readHello(body, cluster);
        greeted = source.accept(connection);
      },
      closed: () => greeted?.closed(),
    };
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= listener.close().then(() => source.close());
    return closing;
  };
  t.after(close);
  return { address: { id, name: `order-${id}`, host, port: listener.port }, close };
}

type CopierStore = CopyStateOptions["store"];

/** The store, and how many orders were added to it by copies, in how many ranges. */
export function counting(store: Store): CopierStore & { orders: number; ranges: number } {
  const counts = {
    orders: 0,
    ranges: 0,
    flush: () => store.flush(),
    get flushed() {
      return store.flushed;
    },
    copy: async () => {
      const copy = await store.copy();
      return {
        nextOrder: copy.nextOrder,
        answersThrough: copy.answersThrough,
        addOrders: (rows: Uint8Array) => {
          counts.orders += new ByteReader(rows).varint();
          counts.ranges++;
          return copy.addOrders(rows);
        },
        addAnswers: (rows: Uint8Array) => copy.addAnswers(rows),
        install: (...all: Parameters<typeof copy.install>) => copy.install(...all),
      };
    },
  };
  return counts;
}

/** A copy into `store`, from these sources in turn. */
export function copyOptions(
  store: CopierStore,
  sources: readonly TestSource[],
  options: Partial<CopyStateOptions> = {},
): CopyStateOptions & { readonly events: CopyEvent[] } {
  const events: CopyEvent[] = [];
  return {
    peers: sources.map(({ address }) => address),
    hello: copierHello,
    store,
    atLeast: logIndex(1),
    onEvent: (event) => events.push(event),
    signal: new AbortController().signal,
    // Always the first one first.
    random: () => 0,
    events,
    ...options,
  };
}

export function ordersOf(rows: Uint8Array): OrderRow[] {
  const reader = new ByteReader(rows);
  return Array.from({ length: reader.varint() }, () => readOrder(reader));
}

/** Tables have no order of their own. */
export function sorted(state: MarketState | undefined): unknown {
  return {
    ...state,
    items: state?.items.toSorted((a, b) => a.id - b.id),
    sessions: state?.sessions.toSorted((a, b) => a.session - b.session),
    sessionAnswers: state?.sessionAnswers.toSorted((a, b) => a.position - b.position),
  };
}

/** `copy` holds what `model` does, and adds up. */
export async function assertSame(copy: Store, model: Store): Promise<void> {
  const [held, expected] = [await copy.load(), await model.load()];
  assert.equal(held.index, expected.index);
  assert.equal(held.term, expected.term);
  assert.equal(held.copying, false);
  assert.deepEqual(sorted(held.state), sorted(expected.state));
  const all = { limit: 1_000_000 };
  assert.deepEqual(await copy.orders(all), await model.orders(all));
  const digest = await copy.digest();
  assert.deepEqual(digest.problems, []);
  assert.ok(equalHash(digest.computed, digest.stored));
}
