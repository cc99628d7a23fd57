/** Whether a request carries the token that guarded calls need. */
import { hash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { header } from "./exchange.ts";
import { type Problem, problem } from "./problem.ts";

const missing = problem(
  "unauthorized",
  "This call needs the cluster's token. Send it as Authorization: Bearer <token>.",
);
const wrong = problem(
  "forbidden",
  "The token is not this cluster's. Send the one that BAZAAR_TOKEN was set to.",
);

const digest = (text: string): Buffer => hash("sha256", text, "buffer");

/** Undefined: let it pass. Tokens are compared by their hashes, in a time that says nothing of either. */
export function createGuard(token: string | undefined): (request: IncomingMessage) => Problem | undefined {
  if (token === undefined) return () => undefined;
  const expected = digest(token);
  return (request) => {
    const match = /^Bearer +(\S+)$/i.exec(header(request, "authorization") ?? "");
    if (match === null) return missing;
    return timingSafeEqual(digest(match[1] as string), expected) ? undefined : wrong;
  };
}
