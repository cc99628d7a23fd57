/**
 * Sends a request until there is a final answer or the deadline: the owner of the connections.
 */
import { setMaxListeners } from "node:events";
import { Agent, type ClientRequest } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../base/random.ts";
import type { ClockNs } from "./clock.ts";
import { type Attempt, type AttemptOutcome, attempt, type Target } from "./exchange.ts";
import { ClientFailure } from "./failure.ts";
import { type RetryCause, retryCause, waitBeforeRetryMs } from "./retry.ts";
import type { ClientCounters, ReplyFacts } from "./types.ts";

/** Calls that wait for an answer or a connection; one more is refused, definitely. */
const pendingMax = 10_000;

/**
 * An idle connection older than this is closed. Behind one address there may be several front-ends, and one that was
 * away gets its share of the requests only by new connections.
 */
const connectionLifeMs = 5_000;

export type Answered = Extract<AttemptOutcome, { kind: "answered" }>;

export interface Exchanged {
  readonly answer: Answered;
  readonly facts: ReplyFacts;
}

export interface SenderOptions {
  readonly hostname: string;
  readonly port: number;
  readonly connections: number;
  readonly deadlineMs: number;
  readonly attemptTimeoutMs: number;
  readonly random: Random;
  readonly clock: ClockNs;
}

const counterOf = {
  lost: "retriesLost",
  "503": "retries503",
  "504": "retries504",
  "429": "retries429",
} as const satisfies Record<RetryCause, keyof ClientCounters>;

export class Sender {
  readonly counters: ClientCounters = {
    requests: 0,
    retriesLost: 0,
    retries503: 0,
    retries504: 0,
    retries429: 0,
    ordersResent: 0,
  };
  readonly #options: SenderOptions;
  readonly #target: Target;
  readonly #closing = new AbortController();
  readonly #open = new Set<ClientRequest>();
  #pending = 0;

  constructor(options: SenderOptions) {
    const { hostname, port, connections } = options;
    this.#options = options;
    // One waiting call is one listener; `pendingMax` bounds them.
    setMaxListeners(0, this.#closing.signal);
    // First in, first out: all connections are used, and so all front-ends behind one address.
    const agent = new Agent({
      keepAlive: true,
      maxSockets: connections,
      maxFreeSockets: connections,
      scheduling: "fifo",
    });
    renewConnections(agent, connectionLifeMs, options.clock);
    this.#target = { agent, hostname, port };
  }

  /** Send until there is a final answer or the deadline. `key` is of a request that changes something. */
  async exchange(what: Attempt, key: string | undefined): Promise<Exchanged> {
    if (this.#closing.signal.aborted) throw this.#closed(true, key);
    if (this.#pending >= pendingMax) {
      throw new ClientFailure("overloaded", `${pendingMax} requests wait already`, { definite: true, key });
    }
    this.#pending++;
    try {
      return await this.#attempts(what, key);
    } finally {
      this.#pending--;
    }
  }

  async #attempts(what: Attempt, key: string | undefined): Promise<Exchanged> {
    const startNs = this.#options.clock();
    let definite = true;
    let patienceMs = this.#options.attemptTimeoutMs;
    for (let attempts = 1; ; attempts++) {
      const leftMs = this.#options.deadlineMs - (this.#options.clock() - startNs) / 1e6;
      const outcome = await this.#once(what, Math.max(1, Math.ceil(Math.min(leftMs, patienceMs))));
      if (outcome.kind === "lost" && outcome.silent) {
        patienceMs *= 2;
        this.#closeIdle();
      }
      if (key !== undefined && mayHaveHappened(outcome)) definite = false;
      const endNs = this.#options.clock();
      const cause = retryCause(outcome);
      if (cause === undefined && outcome.kind === "answered") {
        const { status, position, replayed, cache } = outcome;
        return { answer: outcome, facts: { status, position, replayed, cache, startNs, endNs, attempts } };
      }
      if (this.#closing.signal.aborted) throw this.#closed(definite, key);
      const waitMs = waitBeforeRetryMs(outcome, attempts, this.#options.random);
      if ((endNs - startNs) / 1e6 + waitMs >= this.#options.deadlineMs) {
        throw this.#gaveUp(what, outcome, definite, key, attempts);
      }
      if (cause !== undefined) this.counters[counterOf[cause]]++;
      if (key !== undefined) this.counters.ordersResent++;
      await this.#wait(waitMs, definite, key);
    }
  }

  async #once(what: Attempt, timeoutMs: number): Promise<AttemptOutcome> {
    this.counters.requests++;
    let mine: ClientRequest | undefined;
    const outcome = await attempt(this.#target, what, timeoutMs, (request) => {
      mine = request;
      this.#open.add(request);
    });
    if (mine !== undefined) this.#open.delete(mine);
    return outcome;
  }

  /**
   * After a silence: who does not answer on one connection, because it is stopped, does not on others either. A new
   * connection may reach another front-end behind the same address.
   */
  #closeIdle(): void {
    for (const sockets of Object.values(this.#target.agent.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  async #wait(ms: number, definite: boolean, key: string | undefined): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.#closing.signal });
    } catch {
      // The only thing that ends the wait early is `close`.
      throw this.#closed(definite, key);
    }
  }

  #closed(definite: boolean, key: string | undefined): ClientFailure {
    return new ClientFailure("closed", "the client was closed", { definite, key });
  }

  #gaveUp(
    what: Attempt,
    outcome: AttemptOutcome,
    definite: boolean,
    key: string | undefined,
    attempts: number,
  ): ClientFailure {
    const last = outcome.kind === "lost" ? outcome.cause.message : `status ${outcome.status}`;
    const message = `${what.method} ${what.path}: no answer in ${attempts} attempts over ${this.#options.deadlineMs} ms; last: ${last}`;
    return new ClientFailure(definite ? "unreachable" : "outcome-unknown", message, {
      definite,
      key,
      status: outcome.kind === "answered" ? outcome.status : undefined,
      cause: outcome.kind === "lost" ? outcome.cause : undefined,
    });
  }

  /** End every connection. Calls under way fail with `closed`. */
  close(): void {
    this.#closing.abort();
    for (const request of this.#open) request.destroy(new Error("the client was closed"));
    this.#target.agent.destroy();
  }
}

/** Have `agent` keep no connection that was first answered on more than `lifeMs` ago. */
function renewConnections(agent: Agent, lifeMs: number, clock: ClockNs): void {
  const since = new WeakMap<Duplex, number>();
  const keep = agent.keepSocketAlive.bind(agent);
  // Asked when a connection is idle; one that is needed at once goes on however old it is.
  agent.keepSocketAlive = (socket): boolean => {
    const now = clock();
    const first = since.get(socket);
    if (first === undefined) since.set(socket, now);
    else if (now - first > lifeMs * 1e6) return false;
    const kept: unknown = keep(socket);
    return kept !== false;
  };
}

/** Whether the attempt may have changed something. A 503 says that it did not, unless a disk failed meanwhile. */
function mayHaveHappened(outcome: AttemptOutcome): boolean {
  if (outcome.kind === "lost") return !outcome.definite;
  if (outcome.status === 503) return outcome.body.includes(`"storage"`);
  return outcome.status >= 500;
}
