/** A whole market, started as an operator would, in a directory of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../bin/bazaar.mjs", import.meta.url));

export interface MarketProcess {
  readonly url: string;
  readonly directory: string;
  /** CPU seconds of each process so far, by name. */
  cpuSeconds(): Promise<Map<string, number>>;
  close(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

export async function startMarket(): Promise<MarketProcess> {
  const directory = await mkdtemp(join(tmpdir(), "bazaar-bench-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, [bin, "up", "--data", directory, "--port", `${port}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  await ready(child);
  return {
    url,
    directory,
    cpuSeconds: () => cpuSeconds(url),
    close: async () => {
      child.kill("SIGTERM");
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function ready(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += chunk;
    if (output.includes("ready in")) resolve();
  });
  child.once("exit", () => reject(new Error(`the market did not start:\n${output}`)));
  return promise;
}

async function cpuSeconds(url: string): Promise<Map<string, number>> {
  const reply = await fetch(`${url}/cluster`);
  const { data } = (await reply.json()) as { data: { processes: { name: string; pid: number | null }[] } };
  const seconds = new Map<string, number>();
  for (const { name, pid } of data.processes) {
    if (pid === null) continue;
    // Fields 14 and 15 of proc(5): user and system time, in clock ticks of 10 ms.
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    seconds.set(name, (Number(fields[11]) + Number(fields[12])) / 100);
  }
  return seconds;
}
