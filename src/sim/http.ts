/**
 * What a front-end finds in place of `node:http` while it is simulated: requests and replies as Node would have parsed
 * them. Connections are kept in order by nobody here: each exchange is on one of its own, as of another client.
 */
import { EventEmitter } from "node:events";
import { present } from "../base/assert.ts";
import { currentMachine } from "./clock.ts";
import type { Machine } from "./machine.ts";
import { type Network, Way } from "./network.ts";

let network: Network | undefined;

export function enterHttp(entered: Network | undefined): void {
  network = entered;
}

const theNetwork = (): Network => present(network, "a network that is simulated");

export interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** How an exchange ended for the client; `lost`: the connection ended, and nobody knows what became of the request. */
export type Outcome =
  | {
      readonly kind: "reply";
      readonly status: number;
      readonly headers: ReadonlyMap<string, string>;
      readonly body: string;
    }
  | { readonly kind: "refused" }
  | { readonly kind: "lost" };

class IncomingMessage extends EventEmitter {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: string[] = ["host", "simulated"];
  readonly httpVersion = "1.1";

  constructor({ method, url, headers = {} }: Request) {
    super();
    this.method = method;
    this.url = url;
    for (const [name, value] of Object.entries(headers)) this.rawHeaders.push(name, value);
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

class ServerResponse extends EventEmitter {
  shouldKeepAlive = true;
  headersSent = false;
  readonly #exchange: HttpExchange;
  #status = 0;
  readonly #headers = new Map<string, string>();

  constructor(exchange: HttpExchange) {
    super();
    this.#exchange = exchange;
  }

  writeHead(status: number, headers: readonly string[] = []): this {
    this.headersSent = true;
    this.#status = status;
    for (let i = 0; i < headers.length; i += 2)
      this.#headers.set(headers[i] as string, headers[i + 1] as string);
    return this;
  }

  end(body = "", encoding: BufferEncoding = "utf8"): this {
    const text = encoding === "latin1" ? Buffer.from(body, "latin1").toString() : body;
    this.#exchange.reply(this.#status, this.#headers, text);
    return this;
  }
}

class HttpExchange {
  readonly #client: Machine;
  readonly #done: (outcome: Outcome) => void;
  readonly #there: Way;
  readonly #back: Way;
  #over = false;

  constructor(client: Machine, server: Machine, done: (outcome: Outcome) => void) {
    this.#client = client;
    this.#done = done;
    this.#there = new Way(client, server);
    this.#back = new Way(server, client);
  }

  send(port: number, request: Request): void {
    const net = theNetwork();
    net.carry(this.#there, () => {
      const { to } = this.#there;
      if (!to.hasPower) return;
      const server = net.listening.get(port)?.server;
      if (!(server instanceof Server)) {
        this.#answer({ kind: "refused" });
        return;
      }
      net.attach(to, this);
      server.receive(request, new ServerResponse(this));
    });
  }

  /** The process that had the request has ended, and its answer with it. */
  ended(): void {
    if (this.#there.to.hasPower) this.#answer({ kind: "lost" });
  }

  reply(status: number, headers: ReadonlyMap<string, string>, body: string): void {
    theNetwork().detach(this.#there.to, this);
    this.#answer({ kind: "reply", status, headers, body });
  }

  #answer(outcome: Outcome): void {
    const client = this.#client;
    theNetwork().carry(this.#back, () => {
      if (this.#over) return;
      this.#over = true;
      client.schedule.for(client, 0, "input", () => this.#done(outcome));
    });
  }
}

export class Server extends EventEmitter {
  readonly #machine: Machine;
  readonly #network: Network;
  readonly #handler: Handler;
  #port = 0;

  constructor(handler: Handler) {
    super();
    this.#machine = currentMachine();
    this.#network = theNetwork();
    this.#handler = handler;
  }

  setTimeout(): this {
    return this;
  }

  /** Resolves as `listen` of Fastify does. */
  async listenOn(port: number): Promise<void> {
    if (!this.#network.listen(port, this.#machine, this)) throw new Error(`port ${port} is taken`);
    this.#port = port;
  }

  /** As `listen` of Node. */
  listen({ port }: { readonly port: number }, listening?: () => void): this {
    const machine = this.#machine;
    const taken = !this.#network.listen(port, machine, this);
    this.#port = port;
    machine.schedule.for(machine, 0, "input", () => {
      if (taken) this.emit("error", new Error(`port ${port} is taken`));
      else listening?.();
    });
    return this;
  }

  address(): { readonly port: number } {
    return { port: this.#port };
  }

  close(): this {
    this.#network.unlisten(this.#port, this);
    return this;
  }

  closeIdleConnections(): void {}

  closeAllConnections(): void {}

  receive(request: Request, response: ServerResponse): void {
    const { schedule } = this.#machine;
    schedule.for(this.#machine, 0, "input", () => {
      const message = new IncomingMessage(request);
      this.#handler(message, response);
      if (request.body !== undefined) message.emit("data", Buffer.from(request.body));
      message.emit("end");
    });
  }
}

export function createServer(_options: unknown, handler: Handler): Server {
  return new Server(handler);
}

/** From a machine to whoever listens on a port. `done` is called at most once; never, if what would say so is cut off. */
export function send(from: Machine, port: number, request: Request, done: (outcome: Outcome) => void): void {
  new HttpExchange(from, theNetwork().machineAt(port), done).send(port, request);
}
