/**
 * How many cached reads a second, beside a bare `node:http` server that answers as many bytes, in the same run.
 *
 *     npm run bench:reads [-- --rounds 5 --seconds 4 --connections 64 --alone]
 *
 * `--alone`: one front-end with faked replicas, instead of the whole system. Machines differ and are noisy: only the
 * ratios within one run say something.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Market } from "../test/processes/market.test-support.ts";
import type { BareReply } from "./bare-server.ts";
import { cpuSecondsOf } from "./cpu-seconds.ts";
import { type Measured, measure, requireWrk, tenStocks } from "./load.ts";
import { round as figure, median } from "./numbers.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "4" },
    connections: { type: "string", default: "64" },
    alone: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = Number(values.connections);

interface Server {
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
}

interface Round extends Measured {
  /** CPU microseconds of the process that answers, for each request: less noisy than the rate if others are busy. */
  readonly cpuUs: number;
}

function start(script: string): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)));
}

async function ended(child: ChildProcess): Promise<void> {
  child.disconnect();
  await once(child, "exit");
}

async function startReads(): Promise<Server> {
  if (!values.alone) {
    const market = await Market.start();
    const { processes } = await market.status();
    const pid = processes.find(({ role }) => role === "frontend")?.pid ?? 0;
    return { url: market.url, pid, close: () => market.close() };
  }
  const child = start("./front-end-alone.ts");
  const [{ url }] = (await once(child, "message")) as [{ url: string }];
  return { url, pid: child.pid ?? 0, close: () => ended(child) };
}

async function startBare(reply: BareReply): Promise<Server> {
  const child = start("./bare-server.ts");
  const [{ port }] = (await once(child, "message")) as [{ port: number }];
  child.send(reply);
  await once(child, "message");
  return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, close: () => ended(child) };
}

const names = tenStocks;

/** Headers that Node writes by itself. */
const automatic = ["date", "connection", "keep-alive"];

/** What a cached read is answered, once every item is cached. */
async function cachedReply(url: string): Promise<BareReply> {
  for (let turn = 0; turn < 100; turn++) {
    const replies = await Promise.all(names.map((name) => fetch(`${url}/stocks/${name}`)));
    const [first] = replies;
    const bodies = await Promise.all(replies.map((reply) => reply.text()));
    if (first !== undefined && replies.every(({ headers }) => headers.get("x-cache") === "hit")) {
      const headers = [...first.headers].filter(([name]) => !automatic.includes(name)).flat();
      return { headers, body: bodies[0] ?? "" };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no reply comes from the cache");
}

/** What the front-end counts. */
async function counts(
  url: string,
): Promise<{ readonly hits: number; readonly others: number; readonly lapses: number }> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const of = (name: string): number =>
    Number(
      page
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1),
    );
  const reads = (kind: string): number => of(`bazaar_cache_reads_total{cache="${kind}"}`);
  return {
    hits: reads("hit"),
    others: reads("miss") + reads("bypass"),
    lapses: of("bazaar_lease_lapses_total"),
  };
}

function script(paths: readonly string[]): string {
  return `
local requests, n = {}, 0
init = function(args)
  for _, path in ipairs({${paths.map((path) => `"${path}"`).join(",")}}) do
    requests[#requests + 1] = wrk.format("GET", path, {Host = wrk.headers["Host"]})
  end
end
request = function()
  n = n + 1
  return requests[n % #requests + 1]
end`;
}

const one = script([`/stocks/${names[0]}`]);
const ten = script(names.map((name) => `/stocks/${name}`));

await requireWrk();
const reads = await startReads();
let before: Awaited<ReturnType<typeof counts>> | undefined;
let after = before;
const figures = { bare: [] as Round[], one: [] as Round[], ten: [] as Round[] };
try {
  const bare = await startBare(await cachedReply(reads.url));
  try {
    const round = async ({ url, pid }: Server, load: string, forSeconds = seconds): Promise<Round> => {
      const cpu = await cpuSecondsOf(pid);
      const measured = await measure({ url, connections, seconds: forSeconds, script: load });
      const requests = measured.requestsPerSecond * forSeconds;
      return { ...measured, cpuUs: (((await cpuSecondsOf(pid)) - cpu) / requests) * 1e6 };
    };
    for (const server of [bare, reads]) await round(server, ten, 2);
    before = await counts(reads.url);
    for (let i = 0; i < rounds; i++) {
      figures.bare.push(await round(bare, one));
      figures.one.push(await round(reads, one));
      figures.ten.push(await round(reads, ten));
      console.error(
        `round ${i + 1}: ${Object.entries(figures)
          .map(([what, all]) => `${what} ${figure(all.at(-1)?.requestsPerSecond ?? 0)}/s`)
          .join(", ")}`,
      );
    }
    after = await counts(reads.url);
  } finally {
    await bare.close();
  }
} finally {
  await reads.close();
}

function of(measured: readonly Round[], pick: (m: Round) => number): number {
  return median(measured.map(pick));
}

const bareRate = of(figures.bare, (m) => m.requestsPerSecond);
console.log(`medians of ${rounds} rounds of ${seconds} s, ${connections} connections`);
for (const [what, all] of [
  ["bare node:http GET       ", figures.bare],
  ["cached GET, one item     ", figures.one],
  ["cached GET, ten in turn  ", figures.ten],
] as const) {
  const rate = of(all, (m) => m.requestsPerSecond);
  console.log(
    `${what} ${figure(rate)}/s  ${(rate / bareRate).toFixed(2)} of bare` +
      `  p50 ${of(all, (m) => m.p50Ms).toFixed(2)} ms  p99 ${of(all, (m) => m.p99Ms).toFixed(2)} ms` +
      `  CPU ${of(all, (m) => m.cpuUs).toFixed(1)} µs  errors ${all.reduce((sum, { errors }) => sum + errors, 0)}`,
  );
}
if (before !== undefined && after !== undefined) {
  const hits = after.hits - before.hits;
  const others = after.others - before.others;
  console.log(
    `answered from the cache: ${((100 * hits) / (hits + others)).toFixed(3)} %; leases lost: ${after.lapses - before.lapses}`,
  );
}
