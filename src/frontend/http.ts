/**
 * The HTTP server: Fastify for routing, limits and timeouts; handlers of ours on the bare Node objects. The calls
 * that make up nearly all traffic find their route by a shortcut; all are answered by one function.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import Fastify, { type FastifyInstance } from "fastify";
import { OperatingFailure } from "../base/failure.ts";
import { requestLimits } from "../base/limits.ts";
import type { Address } from "../wire/dialer.ts";
import type { Desk } from "./desk.ts";
import { type Exchange, header, respondProblem } from "./exchange.ts";
import { createGuard } from "./guard.ts";
import { createHits } from "./hits.ts";
import { httpLimits } from "./limits.ts";
import { malformed, problem, shown } from "./problem.ts";
import { createQuickRouter } from "./quick-router.ts";
import type { Route } from "./routes.ts";
import { answerConnect, answerParserError } from "./unparsed.ts";

export interface HttpServer {
  readonly port: number;
  /** Take over a client's connection that another process accepted. */
  take(socket: Socket): void;
  /** Take no new connections and close idle ones; each reply from now on ends its connection. */
  drain(): void;
  /** End everything. */
  close(): Promise<void>;
}

interface HttpOptions {
  readonly address: Address;
  readonly token: string | undefined;
  fatal(error: unknown): void;
}

const prefixes = ["", "/api"] as const;

const internal = problem("internal", "The front-end failed; see its log.");
const hostless = malformed("The request has no Host header, which HTTP/1.1 requires.");
const expectation = problem(
  "expectation-failed",
  "No expectation is met here but 100-continue; leave Expect out.",
);

/** Rejects with `OperatingFailure` if the address cannot be listened on. */
export async function openHttpServer(
  desk: Desk,
  routes: readonly Route[],
  options: HttpOptions,
): Promise<HttpServer> {
  const serve = createServe(desk, options);
  const quickRoute = createQuickRouter(desk.resource, routes);
  const hit = createHits(desk);
  const open = createConnectionBound();
  let draining = false;
  const app = Fastify({
    serverFactory: (handler) => {
      const server = createServer(
        {
          maxHeaderSize: httpLimits.headerBytes,
          headersTimeout: httpLimits.headersTimeoutMs,
          requestTimeout: httpLimits.requestTimeoutMs,
          keepAliveTimeout: httpLimits.keepAliveMs,
          connectionsCheckingInterval: 2_000,
          // Node would refuse such requests itself, without a word.
          requireHostHeader: false,
        },
        (request, response) => {
          if (draining) response.shouldKeepAlive = false;
          if (lacksHost(request)) {
            response.shouldKeepAlive = false;
            respondProblem(exchangeOf(desk, request, response), hostless);
            return;
          }
          if (request.method === "GET" && hit(request.url ?? "", response)) return;
          const route = quickRoute(request.method, request.url);
          if (route === undefined) handler(request, response);
          else serve(route, request, response);
        },
      );
      server.on("connection", open);
      // A client may end its side and still wait for its replies. Node's switch for it has no option.
      Object.assign(server, { httpAllowHalfOpen: true });
      server.setTimeout(httpLimits.connectionTimeoutMs);
      server.on("connect", answerConnect);
      // Without a listener Node refuses without a word.
      server.on("checkExpectation", (request, response) => {
        respondProblem(exchangeOf(desk, request, response), expectation);
      });
      return server;
    },
    logger: false,
    bodyLimit: requestLimits.bodyBytes,
    routerOptions: { maxParamLength: httpLimits.parameterCharacters },
    requestTimeout: httpLimits.requestTimeoutMs,
    connectionTimeout: httpLimits.connectionTimeoutMs,
    keepAliveTimeout: httpLimits.keepAliveMs,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    exposeHeadRoutes: false,
    clientErrorHandler: answerParserError,
    frameworkErrors: (error, request, reply) => {
      reply.hijack();
      const why = error.code === "FST_ERR_BAD_URL" ? "has a malformed %-escape" : "cannot be read";
      respondProblem(
        exchangeOf(desk, request.raw, reply.raw),
        malformed(`the path ${why}: ${shown(request.raw.url)}`),
      );
    },
  });
  addRoutes(app, desk, routes, serve);
  await listen(app, options.address);
  const server = app.server as Server;
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    take: (socket) => take(server, socket),
    drain: () => {
      draining = true;
      server.close();
      server.closeIdleConnections();
    },
    close: async () => {
      server.closeAllConnections();
      await app.close();
    },
  };
}

/** Of accepted connections and of those taken over together: one that is too many is hung up on. */
function createConnectionBound(): (socket: Socket) => void {
  let open = 0;
  return (socket) => {
    open++;
    socket.once("close", () => open--);
    if (open > httpLimits.connections) socket.destroy();
  };
}

function take(server: Server, socket: Socket): void {
  // As Node makes the sockets that an HTTP server accepts: a client may end its side and still wait for the reply.
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
  server.emit("connection", socket);
  if (socket.isPaused()) socket.resume();
}

function exchangeOf(desk: Desk, request: IncomingMessage, response: ServerResponse): Exchange {
  return { request, response, startedMs: desk.now() };
}

function lacksHost(request: IncomingMessage): boolean {
  return request.httpVersion === "1.1" && header(request, "host") === undefined;
}

/** The last part of the path as it was sent, and the query. Routers decode; handlers want to say what is wrong. */
function splitUrl(url: string): { readonly path: string; readonly segment: string; readonly query: string } {
  const mark = url.indexOf("?");
  const path = mark === -1 ? url : url.slice(0, mark);
  return {
    path,
    segment: path.slice(path.lastIndexOf("/") + 1),
    query: mark === -1 ? "" : url.slice(mark + 1),
  };
}

/** How every request that has a route is answered, whichever way the route was found. */
function createServe(
  desk: Desk,
  options: Pick<HttpOptions, "token" | "fatal">,
): (route: Route, request: IncomingMessage, response: ServerResponse) => void {
  const guard = createGuard(options.token);
  return ({ guarded, handle }, request, response) => {
    const exchange = exchangeOf(desk, request, response);
    const refused = guarded ? guard(request) : undefined;
    if (refused !== undefined) {
      respondProblem(exchange, refused);
      return;
    }
    const { segment, query } = splitUrl(request.url ?? "");
    try {
      handle(exchange, segment, query);
    } catch (error) {
      // Handlers answer for themselves: what is thrown is a broken invariant.
      if (!response.headersSent) respondProblem(exchange, internal);
      options.fatal(error);
    }
  };
}

/**
 * Requests are answered in `onRequest`, before Fastify looks at the body and its type: both are the handlers' own
 * business, and what Fastify thinks of them is no failure of ours.
 */
function addRoutes(
  app: FastifyInstance,
  desk: Desk,
  routes: readonly Route[],
  serve: ReturnType<typeof createServe>,
): void {
  const nothing = (): void => {};
  app.addHook("onRequest", (request, reply, next) => {
    if (!request.is404) {
      next();
      return;
    }
    reply.hijack();
    answerUnrouted(exchangeOf(desk, request.raw, reply.raw), routes);
  });
  app.setNotFoundHandler(nothing);
  for (const prefix of prefixes) {
    for (const route of routes) {
      app.route({
        method: route.method === "GET" ? ["GET", "HEAD"] : route.method,
        url: prefix + route.path,
        // It has three parameters so that Fastify waits for the third, which is never called.
        onRequest: (request, reply, _next) => {
          reply.hijack();
          serve(route, request.raw, reply.raw);
        },
        handler: nothing,
      });
    }
  }
}

/** 405 if the path is one of ours under another method, else 404. */
function answerUnrouted(exchange: Exchange, routes: readonly Route[]): void {
  const { method, url } = exchange.request;
  const path = splitUrl(url ?? "").path.replace(/^\/api(?=\/)/, "");
  const parent = path.slice(0, path.lastIndexOf("/"));
  const methods = new Set<string>();
  for (const route of routes) {
    const fits = route.path.includes(":")
      ? route.path.slice(0, route.path.indexOf("/:")) === parent
      : route.path === path;
    if (!fits) continue;
    methods.add(route.method);
    if (route.method === "GET") methods.add("HEAD");
  }
  if (methods.size === 0) {
    respondProblem(exchange, problem("not-found", `There is nothing at ${shown(path)}. See /openapi.json.`));
    return;
  }
  const allow = [...methods].sort().join(", ");
  respondProblem(exchange, problem("method-not-allowed", `${method} is not allowed here; use ${allow}.`), [
    "allow",
    allow,
  ]);
}

async function listen(app: FastifyInstance, { host, port }: Address): Promise<void> {
  try {
    await app.listen({ host, port, exclusive: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const why =
      code === "EADDRINUSE"
        ? `port ${port} on ${host} is taken by another program; choose another with --port`
        : `cannot listen on ${host}:${port}`;
    throw new OperatingFailure("unavailable", why, { cause: error });
  }
}
