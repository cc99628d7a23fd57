/**
 * The public port of a system with several front-ends: the supervisor listens on it and hands each connection, whole,
 * to a front-end that answers, in turn.
 *
 * Connections are handed over and not proxied: a proxy would stand in the way of every request and every reply, copy
 * each byte twice more, and be one process through which all traffic must pass. A handed connection costs the
 * supervisor once, and from then on the client and the front-end are as close as if there were only one; and a
 * supervisor that is busy or paused delays new connections, but no request. Sharing the listening socket among the
 * front-ends instead would cost nothing at all, but the kernel goes on giving connections to one that is paused.
 *
 * Whether a front-end answers is found out by pings, which a paused or overloaded one leaves unanswered. A front-end
 * that dies takes with it only the connections that it had begun to serve.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Address } from "../wire/dialer.ts";
import type { ConnectionTaker } from "./connection-taker.ts";
import { publicPortRefusal } from "./ports.ts";
import { systemCode } from "./refusal.ts";

const pingEveryMs = 50;
/**
 * Turns are kept although another front-end may be quicker, because connections live long: of a burst one would get
 * nearly all. One that has not taken its last connection after so long has to let others go before it.
 */
const turnPatienceMs = 10;

export const publicPortLimits = {
  /** Connections for which no front-end is free; beyond it new ones are closed at once. */
  waiting: 1_024,
  /** A connection that no front-end took for so long is closed. */
  waitMs: 2_000,
} as const;

interface Waiting {
  readonly socket: Socket;
  readonly untilMs: number;
}

export class PublicPort {
  readonly #server: Server;
  #takers: readonly ConnectionTaker[] = [];
  /** Whose turn it is. */
  #turn = 0;
  /** Oldest first. */
  #waiting: Waiting[] = [];
  #pings: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => this.#accept(socket));
  }

  /** Throws `StartRefused` if the address cannot be listened on. */
  static async open(address: Address): Promise<PublicPort> {
    // Not read from here: a connection's first byte is the front-end's. `noDelay` stays with it.
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    const port = new PublicPort(server);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Stays: a connection that could not be accepted later on is its client's to try again.
    server.on("error", (error) => {
      reject(publicPortRefusal(address.host, address.port, systemCode(error) ?? error.message));
    });
    // The kernel holds as many again: one that finds no place there tries again only after a second.
    server.listen({ ...address, exclusive: true, backlog: publicPortLimits.waiting }, resolve);
    await promise;
    return port;
  }

  /** Where it listens, if any port was asked for. */
  get port(): number {
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? bound.port : 0;
  }

  /** Hand connections to these from now on; until then they wait. Call once. */
  serve(takers: readonly ConnectionTaker[]): void {
    this.#takers = takers;
    for (const taker of takers) taker.whenAnswered(() => this.#dispatch());
    this.#pings = setInterval(() => this.#tick(), pingEveryMs);
  }

  /** Take no more connections, close those that wait; those that were handed over are no longer ours. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#pings);
    clearTimeout(this.#patience);
    this.#server.close();
    for (const { socket } of this.#waiting) socket.destroy();
    this.#waiting = [];
  }

  #accept(socket: Socket): void {
    // Its client may go away before anyone takes it.
    socket.on("error", () => undefined);
    if (this.#waiting.length >= publicPortLimits.waiting) {
      socket.destroy();
      return;
    }
    this.#waiting.push({ socket, untilMs: performance.now() + publicPortLimits.waitMs });
    this.#dispatch();
  }

  #tick(): void {
    for (const taker of this.#takers) taker.ping();
    this.#dispatch();
    const now = performance.now();
    const tooLong = this.#waiting.filter(({ untilMs }) => untilMs <= now);
    if (tooLong.length === 0) return;
    this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > now);
    for (const { socket } of tooLong) socket.destroy();
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const taker = this.#nextInTurn();
      if (taker === undefined) return;
      const next = this.#waiting.shift();
      if (next !== undefined) void this.#hand(next, taker);
    }
  }

  /** Who may be handed a connection now; `undefined`: nobody, or it is the turn of one that is about to be free. */
  #nextInTurn(): ConnectionTaker | undefined {
    const now = performance.now();
    for (let i = 0; i < this.#takers.length; i++) {
      const at = (this.#turn + i) % this.#takers.length;
      const taker = this.#takers[at];
      if (taker?.isFit(now) !== true) continue;
      const { busySinceMs } = taker;
      if (busySinceMs === undefined) {
        this.#turn = at + 1;
        return taker;
      }
      const patientForMs = busySinceMs + turnPatienceMs - now;
      if (patientForMs > 0) {
        this.#lookAgain(patientForMs);
        return undefined;
      }
    }
    return undefined;
  }

  #lookAgain(afterMs: number): void {
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      this.#dispatch();
    }, afterMs);
  }

  async #hand(connection: Waiting, taker: ConnectionTaker): Promise<void> {
    const outcome = await taker.hand(connection.socket);
    if (outcome === "taken" || this.#isClosed) connection.socket.destroy();
    else this.#waiting.unshift(connection);
    this.#dispatch();
  }
}
