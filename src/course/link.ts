/** Questions and answers over our framed wire: a ticket and JSON in each frame, asked and answered from both ends. */
import { type ByteReader, type ByteWriter, DecodeError } from "../base/bytes.ts";
import { type Address, type DialedAddress, Dialer } from "../wire/dialer.ts";
import { type Hello, helloFrame, readHello, writeHello } from "../wire/hello.ts";
import { Listener } from "../wire/listener.ts";
import { type Handler, type Link, NoAnswer, type Reply, type Request } from "./messages.ts";

const frames = { request: 64, reply: 65, failed: 66 } as const;

/** Whoever does not answer within this is taken for dead. Longer than any answer takes, shorter than a pause. */
const answerWithinMs = 2_000;
/** Whoever neither accepts nor refuses a connection within this is cut off. */
const connectWithinMs = 250;
/** Questions without an answer, or without a connection yet, on one link; one more is not sent. */
const openMax = 10_000;

interface Asked {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: NoAnswer) => void;
  readonly timer: NodeJS.Timeout;
}

/** One end of a connection, over all its lives. */
class Line implements Link {
  readonly #send: (kind: number, write: (body: ByteWriter) => void) => boolean;
  readonly #handle: Handler;
  readonly #asked = new Map<number, Asked>();
  #nextTicket = 1;

  constructor(send: (kind: number, write: (body: ByteWriter) => void) => boolean, handle: Handler) {
    this.#send = send;
    this.#handle = handle;
  }

  ask(request: Request, withinMs = answerWithinMs): Promise<Reply> {
    const ticket = this.#nextTicket++;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    if (this.#asked.size >= openMax || !this.#post(frames.request, ticket, request)) {
      reject(new NoAnswer(`${request.kind}: not connected`));
      return promise;
    }
    const timer = setTimeout(() => {
      this.#asked.delete(ticket);
      reject(new NoAnswer(`${request.kind}: no answer within ${withinMs} ms`));
    }, withinMs);
    this.#asked.set(ticket, { resolve, reject, timer });
    return promise;
  }

  frame(kind: number, body: ByteReader): void {
    const ticket = body.varint();
    const content = parse(body.string());
    body.end();
    if (kind === frames.request) {
      void this.#answer(ticket, content as Request);
      return;
    }
    const asked = this.#asked.get(ticket);
    // Too late: nobody waits for it any more.
    if (asked === undefined) return;
    this.#asked.delete(ticket);
    clearTimeout(asked.timer);
    if (kind === frames.reply) asked.resolve(content as Reply);
    else if (kind === frames.failed) asked.reject(new NoAnswer(String(content)));
    else throw new DecodeError(`a frame of kind ${kind}`);
  }

  lost(): void {
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new NoAnswer("the connection was lost"));
    }
    this.#asked.clear();
  }

  async #answer(ticket: number, request: Request): Promise<void> {
    try {
      this.#post(frames.reply, ticket, await this.#handle(request));
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.#post(frames.failed, ticket, error.message);
    }
  }

  #post(kind: number, ticket: number, content: unknown): boolean {
    return this.#send(kind, (body) => {
      body.varint(ticket);
      body.string(JSON.stringify(content));
    });
  }
}

/** Its shape is trusted: the hello has said that the other is of our cluster and speaks our version. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DecodeError("a body that is not JSON");
  }
}

/**
 * A link to where a process listens. It is dialled again whenever it is lost, and at once when something is to be
 * asked, as their HTTP clients did: whoever is there is reached, and whoever is gone is known to be.
 */
export class DialledLink implements Link {
  readonly #address: DialedAddress;
  readonly #hello: Hello;
  readonly #line: Line;
  #dialer: Dialer;
  /** Who waits for the connection: it is there, or refused. */
  #waiting: (() => void)[] = [];

  /** `handle` answers what the other side asks back. */
  constructor(address: DialedAddress, hello: Omit<Hello, "incarnation">, handle: Handler = refuseAll) {
    this.#address = address;
    this.#hello = { ...hello, incarnation: 0 };
    this.#line = new Line((kind, write) => this.#dialer.send(kind, write), handle);
    this.#dialer = this.#dial();
  }

  async ask(request: Request, withinMs?: number): Promise<Reply> {
    if (!this.#dialer.connected && this.#waiting.length < openMax) await this.#connect();
    return await this.#line.ask(request, withinMs);
  }

  close(): void {
    this.#dialer.close();
    this.#line.lost();
  }

  #dial(): Dialer {
    return new Dialer(this.#address, {
      connected: (connection) => {
        connection.send(helloFrame, (body) => writeHello(body, this.#hello));
        this.#settle();
      },
      frame: (kind, body) => this.#line.frame(kind, body),
      lost: () => this.#line.lost(),
      refused: () => this.#settle(),
    });
  }

  /** Resolves when it is connected, refused, or too much time has gone by. */
  async #connect(): Promise<void> {
    if (this.#waiting.length === 0) {
      this.#dialer.close();
      this.#dialer = this.#dial();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const timer = setTimeout(() => this.#settle(), connectWithinMs);
    await promise;
    clearTimeout(timer);
  }

  #settle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

function refuseAll(request: Request): Promise<Reply> {
  return Promise.reject(new NoAnswer(`nobody asks ${request.kind} here`));
}

const askAgainMs = 50;

/** Resolves when the other answers a ping, or after `withinMs`; to the published systems this was the start script. */
export async function answering(link: Link, withinMs = Number.POSITIVE_INFINITY): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (performance.now() < untilMs) {
    try {
      await link.ask({ kind: "ping" }, answerWithinMs);
      return;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
  }
}

/** Who has dialled us. */
export interface Visitor {
  readonly handle: Handler;
  left(): void;
}

/** Rejects with the operating system's error. `greet` is told of each that dials, and how to ask it something. */
export function listen(
  address: Address,
  cluster: string,
  greet: (hello: Hello, back: Link) => Visitor,
): Promise<Listener> {
  return Listener.open(address, (connection) => {
    let visitor: Visitor | undefined;
    const line = new Line(
      (kind, write) => connection.send(kind, write),
      (request) => visitor?.handle(request) ?? refuseAll(request),
    );
    return {
      frame: (kind, body) => {
        if (visitor !== undefined) {
          line.frame(kind, body);
          return;
        }
        if (kind !== helloFrame) throw new DecodeError(`a frame of kind ${kind} before the hello`);
        const hello = readHello(body, cluster);
        connection.identify(hello.name);
        visitor = greet(hello, line);
      },
      closed: () => {
        line.lost();
        visitor?.left();
      },
    };
  });
}
