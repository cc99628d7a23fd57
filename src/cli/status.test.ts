/** The table of `status`: pure text from a status. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterStatus } from "../wire/process.ts";
import { statusText } from "./verbs/status.ts";

type Row = ClusterStatus["processes"][number];

const mebibyte = 1024 * 1024;

function row(role: Row["role"], id: number, given: Partial<Row>): Row {
  const place = { pid: 100 + id, address: "127.0.0.1", port: 20_000 + id, rssBytes: 50 * mebibyte };
  return { name: `${role}-${id}`, role, id, ...place, up: true, life: "ready", restarts: 0, ...given };
}

const cache = { entries: 64, hits: 998, misses: 2, evictions: 1, bypasses: 5, lapses: 0 };

function text(...processes: Row[]): string {
  const market = { market: "stocks", resource: "stocks", engine: "embedded" };
  return statusText({ ...market, leader: "order-1", term: 7, processes });
}

test("status shows each process with its role, catalogs with their positions, caches with how often they hit", () => {
  const lines = text(
    row("order", 1, { state: "leader", position: 40, orders: 12, stateHash: "0123456789abcdef" }),
    row("catalog", 2, { position: 39 }),
    row("frontend", 3, { cache }),
    row("frontend", 4, { cache: { ...cache, hits: 0, misses: 0 }, life: "paused", up: false }),
  ).split("\n");
  assert.equal(lines[0], "market stocks, order-1 leads in term 7");
  const cells = lines.slice(3, 7).map((line) => line.split(/ {2,}/));
  assert.deepEqual(cells[0]?.slice(0, 3), ["order-1", "order", "leader *"]);
  assert.deepEqual(cells[1]?.slice(0, 6), ["catalog-2", "catalog", "ready", "102", "20002", "39"]);
  assert.equal(cells[2]?.[8], "99% hits");
  assert.deepEqual([cells[3]?.[2], cells[3]?.[8]], ["paused", "-"]);
  assert.equal(lines.slice(7).join(""), "", "there is nothing to add");
});

test("links that are cut or slow are told in words below the table, a cut of both ways once", () => {
  const cuts = [
    { from: "order-1", to: "order-2" },
    { from: "order-3", to: "order-1" },
    { from: "order-2", to: "order-1" },
  ];
  const slows = [
    { name: "order-1", delayMs: 20, loss: 0 },
    { name: "order-2", delayMs: 0, loss: 0.1 },
  ];
  const cluster = { market: "stocks", resource: "stocks", engine: "embedded", leader: null, term: 1 };
  const said = statusText({ ...cluster, processes: [], links: { cuts, slows } });
  const lines = said.trimEnd().split("\n").slice(-4);
  assert.deepEqual(lines, [
    "order-1 and order-2 are cut off from each other",
    "what order-3 sends to order-1 does not arrive",
    "order-1 is slowed by 20 ms",
    "order-2 is slowed by 0 ms, and stalls with probability 0.1",
  ]);
});

test("what a replica waits for, and a full disk, are told in words below the table", () => {
  const said = text(
    row("order", 1, { state: "leader", diskFull: true }),
    row("order", 2, { state: "recovering", recovering: "waits for order-3 to answer" }),
  );
  assert.match(said, /\n\norder-1: the disk is full; it takes no new entries/);
  assert.match(said, /\norder-2 is recovering: waits for order-3 to answer\n$/);
});
