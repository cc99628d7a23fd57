/** The front-end's HTTP: the bare server of Node, JSON in and out, and no position in any reply, for there is none. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { requestLimits } from "../base/limits.ts";
import type { Address } from "../wire/dialer.ts";
import { NoAnswer } from "./messages.ts";
import { failed, wrong } from "./rendering.ts";

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly cache?: "hit" | "miss" | "bypass";
}

/** `body` is parsed JSON, `undefined` if there was none or it is not JSON. Rejects with `NoAnswer`. */
export type Route = (method: string, path: readonly string[], body: unknown) => Promise<Answer>;

/** Rejects with the operating system's error. */
export async function openHttp(address: Address, route: Route): Promise<Server> {
  const server = createServer({}, (request, response) => receive(request, response, route));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.on("error", reject);
  server.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
  await promise;
  return server;
}

export function closeHttp(server: Server): void {
  server.close();
  server.closeAllConnections();
}

function receive(request: IncomingMessage, response: ServerResponse, route: Route): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= requestLimits.bodyBytes) chunks.push(chunk);
  });
  request.on("end", () => {
    const tooLarge = bytes > requestLimits.bodyBytes;
    const text = Buffer.concat(chunks).toString();
    const answered = tooLarge
      ? Promise.resolve(wrong(413, "too-large", "The body is too large."))
      : answer(request, text, route);
    void answered.then((answer) => respond(response, answer));
  });
  // Its client has gone away: there is nobody to tell.
  request.on("error", () => undefined);
}

async function answer(
  { method = "", url = "" }: IncomingMessage,
  text: string,
  route: Route,
): Promise<Answer> {
  const path = pathOf(url);
  if (path === undefined) return wrong(400, "malformed", "The path cannot be decoded.");
  try {
    return await route(method, path, parse(text));
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return failed(error.message);
  }
}

/** The parts of the path, without the query; `/api` before it changes nothing. */
function pathOf(url: string): readonly string[] | undefined {
  const [path = ""] = url.split("?", 1);
  try {
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    return parts[0] === "api" ? parts.slice(1) : parts;
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function respond(response: ServerResponse, { status, body, cache }: Answer): void {
  const text = JSON.stringify(body);
  const headers = ["content-type", "application/json", "content-length", String(Buffer.byteLength(text))];
  if (cache !== undefined) headers.push("x-cache", cache);
  response.writeHead(status, headers);
  response.end(text);
}
