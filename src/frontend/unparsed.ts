/**
 * What never becomes a request for a handler, because Node's HTTP parser refused it, gave it up, or took it for a
 * tunnel: it is answered on the socket itself, with the connection's last reply.
 *
 * Earlier requests of the same connection may still be under way. Their replies go first: a client takes the first reply
 * that comes for the answer to the first thing it asked, and "malformed" for an order that is being placed would say
 * that it certainly was not.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { httpLimits } from "./limits.ts";
import { malformed, type Problem, problem, renderProblem } from "./problem.ts";

const allMethods = "GET, HEAD, POST";
const noTunnel = problem("method-not-allowed", `CONNECT is not allowed here; use ${allMethods}.`);

/** Connections that have ended, or will, with such a reply. */
const refused = new WeakSet<Duplex>();

/** Node's `clientError`. */
export function answerParserError(error: Error & { code?: string }, socket: Duplex): void {
  if (error.code === "ECONNRESET") socket.destroy();
  // More of what cannot be read may come behind it: it is read, and dropped.
  else if (refused.has(socket)) return;
  else if (!socket.writable) socket.destroy();
  else {
    refused.add(socket);
    afterReplies(socket, () => {
      if (!socket.writable) return;
      socket.end(wholeReply(parserProblem(error.code)));
      linger(socket);
    });
  }
}

/** To hang up on a client that still writes may take from it the replies that it has not read. */
function linger(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), httpLimits.lingerMs);
  socket.once("close", () => clearTimeout(timer));
}

/** Node's `connect`. Without a listener it would hang up. */
export function answerConnect(_request: IncomingMessage, socket: Duplex): void {
  // Node has let go of this socket: nobody else closes it, or hears that its client has gone.
  socket.on("error", () => socket.destroy());
  afterReplies(socket, () => {
    socket.end(wholeReply(noTunnel, `Allow: ${allMethods}\r\n`), () => socket.destroy());
  });
}

/**
 * Call `act` when the replies to all whole requests of this connection are written, or will never be. A request that
 * is not whole is the one that was refused: nobody else answers it.
 */
function afterReplies(socket: Duplex, act: () => void): void {
  const reply = replyOf(socket);
  if (reply === undefined || !reply.req.complete) act();
  else reply.once("close", () => afterReplies(socket, act));
}

/** The reply that has its turn on a connection: as Node's own answer to such errors finds it, for there is no other way. */
function replyOf(socket: Duplex): ServerResponse | undefined {
  return (socket as Socket & { readonly _httpMessage?: ServerResponse | null })._httpMessage ?? undefined;
}

/** A reply as bytes on the wire. `headers`: whole lines. */
function wholeReply(refused: Problem, headers = ""): string {
  const body = renderProblem(refused);
  return `HTTP/1.1 ${refused.status} ${refused.reason}\r\n${headers}Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
}

function parserProblem(code: string | undefined): Problem {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return problem(
        "headers-too-large",
        `The request's head is larger than ${httpLimits.headerBytes} bytes.`,
      );
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return problem("request-timeout", "The request did not arrive in time; send it again.");
    default:
      return malformed("The request is not well-formed HTTP/1.1.");
  }
}
