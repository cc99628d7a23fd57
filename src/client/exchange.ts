/**
 * One attempt: one HTTP request on a kept-alive connection and its answer, or how it was lost. Node's own client is
 * used: it pools connections well enough for a load of this size, and is one dependency fewer than undici.
 */
import { type Agent, type ClientRequest, request } from "node:http";

export interface Attempt {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

export interface Target {
  readonly agent: Agent;
  readonly hostname: string;
  readonly port: number;
}

export type AttemptOutcome =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly body: string;
      readonly position: number | undefined;
      readonly replayed: boolean;
      readonly cache: string | undefined;
      readonly retryAfterMs: number | undefined;
    }
  /** `definite`: no byte of it can have reached a server. `silent`: the connection stood, and nothing came. */
  | { readonly kind: "lost"; readonly definite: boolean; readonly silent: boolean; readonly cause: Error };

function header(value: string | string[] | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A header's whole number; `undefined` where it is absent or something else. */
function headerNumber(value: string | string[] | undefined): number | undefined {
  const text = header(value);
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}

/**
 * Send it once. Never rejects: whatever goes wrong with the connection is an outcome. `timeoutMs` bounds a
 * connection's silence. `started` is handed the request, so that an owner who closes can end it.
 */
export function attempt(
  target: Target,
  what: Attempt,
  timeoutMs: number,
  started: (request: ClientRequest) => void,
): Promise<AttemptOutcome> {
  return new Promise((resolve) => {
    let connected = false;
    let silent = false;
    const outgoing = request({
      agent: target.agent,
      hostname: target.hostname,
      port: target.port,
      method: what.method,
      path: what.path,
      headers: what.headers,
      timeout: timeoutMs,
    });
    const lost = (cause: Error): void => resolve({ kind: "lost", definite: !connected, silent, cause });
    outgoing.on("socket", (socket) => {
      if (!socket.connecting) connected = true;
      else socket.once("connect", () => (connected = true));
    });
    outgoing.on("timeout", () => {
      silent = true;
      outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`));
    });
    outgoing.on("error", lost);
    outgoing.on("response", (incoming) => {
      let body = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => (body += chunk));
      incoming.on("error", lost);
      incoming.on("end", () => {
        const retryAfter = headerNumber(incoming.headers["retry-after"]);
        resolve({
          kind: "answered",
          status: incoming.statusCode ?? 0,
          body,
          position: headerNumber(incoming.headers["bazaar-position"]),
          replayed: header(incoming.headers["idempotent-replayed"]) === "true",
          cache: header(incoming.headers["x-cache"]),
          retryAfterMs: retryAfter === undefined ? undefined : retryAfter * 1_000,
        });
      });
    });
    started(outgoing);
    outgoing.end(what.body);
  });
}
