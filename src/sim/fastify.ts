/** What a front-end finds in place of Fastify while it is simulated: routes by their path, and nothing else. */
import type { createServer, Server } from "./http.ts";

type Handler = Parameters<typeof createServer>[1];
type Request = Parameters<Handler>[0];
type Response = Parameters<Handler>[1];
type Hook = (request: Raw<Request>, reply: Raw<Response> & { hijack(): void }, next: () => void) => void;

interface Raw<T> {
  readonly raw: T;
  readonly is404?: boolean;
}

interface Route {
  readonly method: string | readonly string[];
  readonly url: string;
  readonly onRequest: Hook;
}

interface Options {
  readonly serverFactory: (handler: Handler) => Server;
}

export default function fastify({ serverFactory }: Options) {
  const routes: { readonly methods: readonly string[]; readonly path: RegExp; readonly onRequest: Hook }[] =
    [];
  let unrouted: Hook = () => {};
  const server = serverFactory((request, response) => {
    const path = request.url.split("?", 1)[0] as string;
    const route = routes.find((one) => one.methods.includes(request.method) && one.path.test(path));
    const reply = { raw: response, hijack: () => {} };
    const next = (): void => {};
    if (route === undefined) unrouted({ raw: request, is404: true }, reply, next);
    else route.onRequest({ raw: request }, reply, next);
  });
  return {
    server,
    addHook: (_name: string, hook: Hook) => {
      unrouted = hook;
    },
    setNotFoundHandler: () => {},
    route: ({ method, url, onRequest }: Route) => {
      const path = new RegExp(`^${url.replace(/:\w+/g, "[^/]+")}$`);
      routes.push({ methods: typeof method === "string" ? [method] : method, path, onRequest });
    },
    listen: ({ port }: { readonly port: number }) => server.listenOn(port),
    close: async () => {
      server.close();
    },
  };
}
