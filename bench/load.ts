/** One round of load by `wrk`, and what it says. `wrk` costs so little that both cores are left to the servers. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { builtinMarkets } from "../src/market/builtin.ts";

const run = promisify(execFile);

export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Lua for `wrk`: sets `request`. */
  readonly script: string;
}

export interface Measured {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not 2xx, and lost connections. */
  readonly errors: number;
}

/** Throws, saying what to install, if there is no `wrk`. */
export async function requireWrk(): Promise<void> {
  try {
    await run("wrk", ["--version"]);
  } catch (error) {
    // `wrk --version` prints its version and exits with 1.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new Error("The benchmarks need wrk: apt-get install wrk");
    }
  }
}

export async function measure({ url, connections, seconds, script }: Load): Promise<Measured> {
  const directory = await mkdtemp(join(tmpdir(), "bazaar-bench-"));
  try {
    const file = join(directory, "load.lua");
    await writeFile(file, `${script}\n${report}`);
    const load = ["-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "-s", file, url];
    const { stdout } = await run("wrk", load);
    const line = stdout.split("\n").find((text) => text.startsWith("measured "));
    if (line === undefined) throw new Error(`wrk said nothing of use:\n${stdout}`);
    return JSON.parse(line.slice("measured ".length)) as Measured;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const report = `
done = function(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'measured {"requestsPerSecond":%.1f,"p50Ms":%.3f,"p99Ms":%.3f,"errors":%d}\\n',
    summary.requests / (summary.duration / 1000000),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end`;

/** `init` runs when wrk knows the host, without which a request has no Host header. */
const preamble = `
local bodies, n = {}, 0
local function post(body)
  bodies[#bodies + 1] = wrk.format("POST", nil, {["Content-Type"] = "application/json", Host = wrk.headers["Host"]}, body)
end
request = function()
  n = n + 1
  return bodies[n % #bodies + 1]
end`;

/** Orders of one unit over the ten built-in stocks, bought and sold in turn, so that no stock runs out. */
export const singleOrders = `${preamble}
init = function(args)
  for id = 1, 10 do
    for _, side in ipairs({"buy", "sell"}) do
      post(string.format('{"lines":[{"id":%d,"quantity":1}],"type":"%s"}', id, side))
    end
  end
end`;

export function batches(orders: number): string {
  return `${preamble}
init = function(args)
  local lines = {}
  for i = 1, ${orders} do
    lines[i] = string.format('{"lines":[{"id":%d,"quantity":1}],"type":"%s"}', i % 10 + 1, i % 20 < 10 and "buy" or "sell")
  end
  post('{"orders":[' .. table.concat(lines, ",") .. ']}')
end`;
}

/** The names of the built-in stocks. */
export const tenStocks: readonly string[] = (builtinMarkets.get("stocks")?.items ?? []).map(
  ({ name }) => name,
);
