/** Directories and stores of one test, all gone after it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FailureCode, OperatingFailure } from "../../base/failure.ts";
import { logIndex, term } from "../../base/units.ts";
import type { Rows } from "../../market/rows.ts";
import type { Store } from "../port.ts";
import { sampleEntries } from "../sample.ts";
import type { SqliteStore } from "./sqlite-store.ts";
import { type OpenedStore, openSqliteStore, type SqliteStoreOptions } from "./store.ts";

export const identity = { cluster: "sample", replica: 1 };

export class Scratch {
  dir = "";
  readonly #stores: Store[] = [];
  readonly failures: OperatingFailure[] = [];

  begin(): void {
    this.dir = mkdtempSync(join(tmpdir(), "bazaar-store-"));
    this.failures.length = 0;
  }

  get file(): string {
    return join(this.dir, "orders.sqlite");
  }

  async open(options: Partial<SqliteStoreOptions> = {}): Promise<SqliteStore> {
    return (await this.openAnyhow(options)).store;
  }

  async openAnyhow(options: Partial<SqliteStoreOptions> = {}): Promise<OpenedStore> {
    const opened = await openSqliteStore({
      dir: this.dir,
      identity,
      create: false,
      onFatal: (failure) => this.failures.push(failure),
      ...options,
    });
    this.#stores.push(opened.store);
    return opened;
  }

  async end(): Promise<void> {
    for (const store of this.#stores.splice(0)) await store.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export const sampleRows = (seed = 2): Iterator<Rows, never> => sampleEntries({ seed, ordersPerEntry: 8 });

/** Append the next entries of the sample to the stores, from `from` + 1 to `to`. */
export function appendRange(
  entries: Iterator<Rows, never>,
  from: number,
  to: number,
  stores: readonly Store[],
): void {
  for (let index = from + 1; index <= to; index++) {
    const rows = entries.next().value;
    for (const store of stores) store.append(logIndex(index), term(1), rows);
  }
}

/** Leave a store with so many entries of the sample, closed. */
export async function fill(scratch: Scratch, entryCount: number): Promise<void> {
  const store = await scratch.open();
  appendRange(sampleRows(), 0, entryCount, [store]);
  await store.close();
}

export const failsWith = (code: FailureCode, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof OperatingFailure, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, message);
  return true;
};

export const refused = (message: RegExp) => failsWith("wrong-data", message);
