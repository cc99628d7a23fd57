/**
 * Ports on this machine. Those of the replicas stay the same for as long as the system is up, so a replica that is
 * restarted must find its port free: they are chosen outside the range from which the kernel takes the local ports
 * of outgoing connections.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { integerBetween, type Random } from "../base/random.ts";
import { StartRefused, systemCode } from "./refusal.ts";

const lowest = 20_000;
const highest = 32_000;
const attemptsMax = 200;

/** The operating system's code if the port cannot be listened on, `undefined` if it can. */
async function portProblem(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  server.once("error", (error) => resolve(systemCode(error) ?? error.message));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  return await promise;
}

/** The ports from which to choose, both ends included: below the kernel's own range if that leaves any. */
function portRange(kernelRange: string | undefined): readonly [number, number] {
  const kernelLowest = Number.parseInt(kernelRange ?? "", 10);
  if (kernelLowest > lowest + 1_000) return [lowest, Math.min(highest, kernelLowest - 1)];
  if (kernelLowest > 10_000) return [5_000, kernelLowest - 1];
  return [lowest, highest];
}

function kernelRange(): string | undefined {
  try {
    return readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  } catch {
    // Not Linux: the usual ranges begin at 32768 or 49152, above ours.
    return undefined;
  }
}

/** `count` different free ports, none of them `except`. */
export async function choosePorts(
  host: string,
  count: number,
  random: Random,
  except?: number,
): Promise<readonly number[]> {
  const [low, high] = portRange(kernelRange());
  const chosen = new Set<number>();
  for (let attempt = 0; chosen.size < count; attempt++) {
    if (attempt >= attemptsMax) {
      throw new StartRefused(`No free ports were found on ${host} between ${low} and ${high}.`);
    }
    const port = integerBetween(random, low, high);
    if (port !== except && !chosen.has(port) && (await portProblem(host, port)) === undefined)
      chosen.add(port);
  }
  return [...chosen];
}

/** Why the public port cannot be had, from the operating system's code, with what to do. */
export function publicPortRefusal(host: string, port: number, problem: string): StartRefused {
  switch (problem) {
    case "EADDRINUSE":
      return new StartRefused(`Port ${port} on ${host} is taken by another program.`, [
        "Choose another with --port N, or --port 0 for any free one.",
      ]);
    case "EACCES":
      return new StartRefused(`Port ${port} needs special rights here.`, [
        "Choose one above 1023 with --port N.",
      ]);
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new StartRefused(`${host} is no address of this machine.`, [
        "Choose another with --host, for example 127.0.0.1 or 0.0.0.0.",
      ]);
    default:
      return new StartRefused(`Port ${port} on ${host} cannot be listened on: ${problem}.`, [
        "Choose another with --port N.",
      ]);
  }
}

/** Throws `StartRefused` if the public port cannot be had. */
export async function requirePublicPort(host: string, port: number): Promise<void> {
  const problem = await portProblem(host, port);
  if (problem !== undefined) throw publicPortRefusal(host, port, problem);
}
