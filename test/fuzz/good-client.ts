/** A steady, well-behaved client: a few connections kept open, orders and reads at a fixed rate, and how long each took. */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const perSecond = 100;
const lanes = 4;
const order = JSON.stringify({ name: "Rope", quantity: 1 });

export interface Measured {
  readonly requests: number;
  readonly failed: number;
  readonly msP50: number;
  readonly msP99: number;
  readonly msMax: number;
}

/** What came back, once all of it has: the status, 0 if the connection broke. */
function ask(port: number, agent: Agent, number: number): Promise<number> {
  return new Promise((resolve) => {
    const places = number % 4 === 0;
    const sent = request(
      {
        port,
        host: "127.0.0.1",
        agent,
        path: places ? "/orders" : "/wares/Rope",
        method: places ? "POST" : "GET",
        headers: places ? { "content-type": "application/json", "content-length": order.length } : {},
      },
      (reply) => {
        reply.resume();
        reply.once("end", () => resolve(reply.statusCode ?? 0));
        reply.once("error", () => resolve(0));
      },
    );
    sent.once("error", () => resolve(0));
    sent.end(places ? order : undefined);
  });
}

function at(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return Math.round(value * 10) / 10;
}

/**
 * Times are taken from when a request was due, so that one that waits behind a slow one counts as slow too.
 */
export async function measure(port: number, ms: number): Promise<Measured> {
  const agent = new Agent({ keepAlive: true, maxSockets: lanes });
  const started = performance.now();
  const times: number[] = [];
  let failed = 0;
  const every = 1_000 / perSecond;
  const lane = async (first: number): Promise<void> => {
    for (let number = first; number * every < ms; number += lanes) {
      const due = started + number * every;
      await sleep(Math.max(0, due - performance.now()));
      const status = await ask(port, agent, number);
      times.push(performance.now() - due);
      if (status !== 200) failed++;
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, i) => lane(i)));
  agent.destroy();
  times.sort((a, b) => a - b);
  return {
    requests: times.length,
    failed,
    msP50: at(times, 0.5),
    msP99: at(times, 0.99),
    msMax: at(times, 1),
  };
}
