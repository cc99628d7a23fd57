/** Steps that tests of replicas that come back share: what is done to a replica's files, and what must hold in the end. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { closeAfter } from "./diagnosis.test-support.ts";
import { Ledger } from "./ledger.test-support.ts";
import { eventually, Market, type MarketOptions } from "./market.test-support.ts";
import type { Timeline } from "./timeline.test-support.ts";

/** Small files, so that little load makes several; and none is kept longer than it must be. */
export const shortLog = { logKeep: 0, logSegment: 0.0625 } as const;

/** A market that ends with the test, and what its clients were told. */
export async function opened(
  t: TestContext,
  options: MarketOptions = {},
): Promise<{ readonly market: Market; readonly ledger: Ledger }> {
  const market = await Market.start({ catalogs: 0, ...options });
  closeAfter(t, market);
  return { market, ledger: new Ledger(market) };
}

/** A replica's own directory. */
export function replicaDirectory(market: Market, name: string): string {
  return dirname(market.logDirectory(name));
}

export function empty(directory: string): void {
  for (const entry of readdirSync(directory)) rmSync(join(directory, entry), { recursive: true });
}

/** `up` has said so of this replica. */
export async function heard(market: Market, name: string, words: RegExp): Promise<void> {
  const line = new RegExp(`^${name}: .*(?:${words.source})`, "m");
  await eventually(
    `${name} to say ${words.source}; it was said: ${market.said}`,
    () => line.test(market.said),
    60_000,
  );
}

/** Place orders until no other replica's log has what `name` lacks. */
export async function outgrowLogs(
  market: Market,
  ledger: Ledger,
  timeline: Timeline,
  name: string,
): Promise<void> {
  const { processes } = await market.status();
  const others = processes.filter((row) => row.role === "order" && row.name !== name).map((row) => row.name);
  const behind = Math.max(...processes.map(({ lastIndex }) => lastIndex ?? 0));
  const dropped = (other: string): boolean => {
    return timeline.of(other, "log-compacted").some(({ through }) => through > behind);
  };
  while (!others.every(dropped)) await ledger.place(5);
}

/** Orders, one batch after the other, until `during` is over. */
export async function whileOrdersFlow(ledger: Ledger, during: () => Promise<void>): Promise<void> {
  let over = false;
  const flow = async (): Promise<void> => {
    while (!over) await ledger.place(20);
  };
  const stop = async (): Promise<void> => {
    try {
      await during();
    } finally {
      over = true;
    }
  };
  await Promise.all([flow(), stop()]);
}

/**
 * Every replica is back, all hold the same, recomputed from their rows, every acknowledged order is there, and no process
 * has ended but by the test.
 */
export async function agree(market: Market, ledger: Ledger): Promise<void> {
  await market.whole();
  const { code, stdout, stderr } = await eventually("all replicas to be compared", async () => {
    const checked = await market.run("check", "--deep");
    return checked.code !== 4 && checked;
  });
  assert.equal(code, 0, `${stdout}${stderr}`);
  await ledger.verify();
  assert.deepEqual(await market.unexpectedEnds(), []);
}

/** A file of the log that holds records. */
export interface Segment {
  readonly path: string;
  readonly bytes: Buffer;
  /** Behind the last byte that is not zero: segments are preallocated. */
  readonly end: number;
}

/** Ascending. */
export function segmentsOf(directory: string): readonly Segment[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".wal"))
    .sort()
    .map((name) => {
      const path = join(directory, name);
      const bytes = readFileSync(path);
      let end = bytes.length;
      while (end > 0 && bytes[end - 1] === 0) end--;
      return { path, bytes, end };
    })
    .filter(({ end }) => end > 0);
}
