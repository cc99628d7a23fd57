/** Plain HTTP for tests: what goes over the wire is what the test says, without a client's kindness. */
import { connect } from "node:net";

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly tookMs: number;
}

const answerWithinMs = 30_000;

/** A request over a connection of its own. */
export async function call(
  url: string,
  given: { readonly body?: unknown; readonly key?: string } = {},
): Promise<Answer> {
  const headers: Record<string, string> = { connection: "close" };
  if (given.body !== undefined) headers["content-type"] = "application/json";
  if (given.key !== undefined) headers["idempotency-key"] = given.key;
  const started = performance.now();
  const reply = await fetch(url, {
    method: given.body === undefined ? "GET" : "POST",
    headers,
    signal: AbortSignal.timeout(answerWithinMs),
    ...(given.body !== undefined && { body: JSON.stringify(given.body) }),
  });
  const body = await reply.text();
  return { status: reply.status, headers: new Map(reply.headers), body, tookMs: performance.now() - started };
}

/** The reply's `data`; throws, with the reply, if it is an error. */
export function dataOf(answer: Answer): Readonly<Record<string, unknown>> {
  const parsed = JSON.parse(answer.body) as { data?: Readonly<Record<string, unknown>> };
  if (answer.status !== 200 || parsed.data === undefined) {
    throw new Error(`status ${answer.status}: ${answer.body}`);
  }
  return parsed.data;
}

/** One value of the front-end's metrics. */
export async function metric(url: string, name: string): Promise<number> {
  const { body } = await call(`${url}/metrics`);
  const line = body.split("\n").find((text) => text.startsWith(`${name} `));
  if (line === undefined) throw new Error(`no metric ${name}`);
  return Number(line.slice(name.length));
}

/** Send these bytes and read until the server hangs up. */
export async function sendRaw(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    let received = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      received += text;
    });
    // A server may refuse while we still write; what it said before counts.
    socket.on("error", () => undefined);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("close", () => resolve());
    socket.setTimeout(answerWithinMs, () => reject(new Error("the server neither answered nor hung up")));
    socket.write(bytes);
    await promise;
    return received;
  } finally {
    socket.destroy();
  }
}
