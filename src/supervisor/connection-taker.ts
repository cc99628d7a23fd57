/**
 * A front-end as the public port sees it: whether it answers, and a way to hand it a client's connection.
 *
 * A handed connection stays open here until the front-end has said that it took it, which it says before it reads a
 * byte. So a connection is lost only with a front-end that has begun to serve it: one that ended before leaves a
 * connection from which nothing was read, and another can have it. At most one is under way to each front-end, because
 * from one that was stopped in its tracks (SIGSTOP) it cannot be taken back; Node sends handles one by one anyway.
 */
import type { ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import { assert } from "../base/assert.ts";
import type { ToProcess } from "../wire/process.ts";

/** One that has not answered for so long gets no connections. */
const answeredWithinMs = 200;

export type HandOver = "taken" | "not-taken";

interface UnderWay {
  readonly child: ChildProcess;
  readonly sinceMs: number;
  readonly settle: (outcome: HandOver) => void;
}

export class ConnectionTaker {
  readonly #isReady: () => boolean;
  #child: ChildProcess | undefined;
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** One ping at a time: those to a stopped process would pile up. */
  #isPinged = false;
  #underWay: UnderWay | undefined;
  #listener: () => void = () => undefined;

  /** `isReady`: it has said that it is, and was not paused since. */
  constructor(isReady: () => boolean) {
    this.#isReady = isReady;
  }

  /** Call `listener` whenever it has answered. */
  whenAnswered(listener: () => void): void {
    this.#listener = listener;
  }

  /** A new life of the process. */
  attach(child: ChildProcess): void {
    this.#child = child;
    this.#answeredAt = Number.NEGATIVE_INFINITY;
    this.#isPinged = false;
    // Comes behind everything that it said, unlike "exit"; "disconnect" does not come while a handle is under way.
    child.once("close", () => this.#failed(child));
  }

  ping(): void {
    if (this.#isPinged || !this.#isReady() || this.#child?.connected !== true) return;
    this.#isPinged = true;
    this.#child.send({ kind: "ping" } satisfies ToProcess, () => undefined);
  }

  /** It has said `pong`, or that it is ready. */
  answered(): void {
    this.#isPinged = false;
    this.#answeredAt = performance.now();
    this.#listener();
  }

  /** It has said `taken`. */
  took(): void {
    this.#settle("taken");
  }

  /** Since when a connection is under way to it; `undefined`: none is, it may be handed one. */
  get busySinceMs(): number | undefined {
    return this.#underWay?.sinceMs;
  }

  /** Whether it answers. */
  isFit(nowMs: number): boolean {
    return nowMs - this.#answeredAt <= answeredWithinMs && this.#isReady() && this.#child?.connected === true;
  }

  /**
   * Only while none is under way. Does not reject. `taken`: what the caller still has of it is a copy, and its to close;
   * `not-taken`: nothing was read from it.
   */
  hand(socket: Socket): Promise<HandOver> {
    const child = this.#child;
    assert(child !== undefined && this.#underWay === undefined, "a connection is handed over alone");
    const { promise, resolve } = Promise.withResolvers<HandOver>();
    this.#underWay = { child, sinceMs: performance.now(), settle: resolve };
    child.send({ kind: "connection" } satisfies ToProcess, socket, { keepOpen: true }, (error) => {
      if (error !== null) this.#failed(child);
    });
    return promise;
  }

  #failed(child: ChildProcess): void {
    if (this.#underWay?.child === child) this.#settle("not-taken");
  }

  #settle(outcome: HandOver): void {
    const settle = this.#underWay?.settle;
    this.#underWay = undefined;
    settle?.(outcome);
  }
}
