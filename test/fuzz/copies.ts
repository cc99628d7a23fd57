/**
 * A copy of another replica's state, damaged on the way: the store that it goes into refuses it, as `wrong-data`, or has
 * installed what its own recomputation finds nothing wrong with. Both stores are given the same.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteReader, DecodeError } from "../../src/base/bytes.ts";
import { OperatingFailure } from "../../src/base/failure.ts";
import { equalHash } from "../../src/base/hash128.ts";
import { logIndex, orderNumber, position, term } from "../../src/base/units.ts";
import { encodeState, readState } from "../../src/market/codec.ts";
import type { MarketState, Rows } from "../../src/market/rows.ts";
import { openMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/port.ts";
import { sampleEntries } from "../../src/store/sample.ts";
import { Scratch } from "../../src/store/sqlite/scratch.test-support.ts";
import type { CaseTarget } from "./case-target.ts";
import { mutated } from "./mutations.ts";

const entries = 12;

interface Original {
  readonly orders: Uint8Array;
  readonly answers: Uint8Array;
  readonly state: Uint8Array;
}

async function original(): Promise<Original> {
  const store = openMemoryStore();
  const rows = sampleEntries({ seed: 3, ordersPerEntry: 3 });
  for (let i = 1; i <= entries; i++) store.append(logIndex(i), term(1), rows.next().value as Rows);
  const frozen = await store.freeze();
  return {
    orders: await frozen.orders(orderNumber(0), 1_000_000),
    answers: await frozen.answers(position(0), 1_000_000),
    state: Buffer.concat([...encodeState(frozen.state, 100_000)]),
  };
}

/** False if it was refused as such a thing must be. */
async function taken(act: () => Promise<void>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (error instanceof OperatingFailure && error.code === "wrong-data") return false;
    throw error;
  }
}

function decoded(bytes: Uint8Array): MarketState | undefined {
  try {
    const reader = new ByteReader(bytes);
    const state = readState(reader);
    reader.end();
    return state;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return undefined;
  }
}

/** Whether it was installed; if so, it is a state that makes up its hash. */
async function copyInto(store: Store, { orders, answers, state }: Original): Promise<boolean> {
  const copy = await store.copy();
  const whole = (await taken(() => copy.addOrders(orders))) && (await taken(() => copy.addAnswers(answers)));
  const market = decoded(state);
  if (market === undefined) return false;
  const installed = await taken(() => copy.install(logIndex(entries), term(1), market));
  if (!installed) return false;
  const digest = await store.digest();
  assert.ok(equalHash(digest.stored, digest.computed), "an installed state makes up its hash");
  assert.ok(whole || digest.orders === 0, "what was refused is not there");
  return true;
}

type Opened = readonly [Store, () => Promise<void>];

function target(name: string, count: number, given: Original, open: () => Promise<Opened>): CaseTarget {
  const part = (bytes: Uint8Array): fc.Arbitrary<Uint8Array> =>
    fc.oneof({ weight: 2, arbitrary: fc.constant(bytes) }, { weight: 1, arbitrary: mutated([bytes]) });
  const originals = fc.record({
    orders: part(given.orders),
    answers: part(given.answers),
    state: part(given.state),
  });
  return {
    name,
    unit: "rows",
    count,
    property: (took) =>
      fc.asyncProperty(originals, async (damaged) => {
        const [store, end] = await open();
        try {
          if (await copyInto(store, damaged)) took();
        } finally {
          await end();
        }
      }) as fc.IRawProperty<unknown>,
  };
}

export async function copyTargets(): Promise<CaseTarget[]> {
  const given = await original();
  const sqlite = async (): Promise<Opened> => {
    const scratch = new Scratch();
    scratch.begin();
    return [await scratch.open({ create: true }), () => scratch.end()];
  };
  return [
    target("store/memory-copies", 10_000, given, async () => [openMemoryStore(), async () => {}]),
    target("store/sqlite-copies", 100, given, sqlite),
  ];
}
