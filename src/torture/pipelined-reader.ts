/**
 * Reads sent without waiting for answers, on one connection (HTTP/1.1 pipelining). A process that stood still finds what
 * came meanwhile in the order in which its connections became ready. Requests of ordinary connections that began after
 * a change thus come after the word of that change, and prove little. Here the first unanswered request makes the
 * connection ready early, and the later ones are read together with it: ahead of whatever the leader has said since.
 */
import { connect, type Socket } from "node:net";
import { present } from "../base/assert.ts";
import { monotonicNs } from "../client/clock.ts";

export interface PipelinedAnswer {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  readonly status: number;
  readonly position: number;
  readonly cache: string | undefined;
  readonly body: string;
}

/** Requests without an answer; beyond it none are sent. */
const waitingMax = 500;
const reconnectMs = 50;

export class PipelinedReader {
  readonly #port: number;
  readonly #nextPath: () => string;
  readonly #answered: (answer: PipelinedAnswer) => void;
  readonly #timer: NodeJS.Timeout;
  #socket: Socket | undefined;
  #reconnect: NodeJS.Timeout | undefined;
  #waiting: { readonly path: string; readonly start: number }[] = [];
  #received = "";
  #stopped = false;

  constructor(
    port: number,
    everyMs: number,
    nextPath: () => string,
    answered: (answer: PipelinedAnswer) => void,
  ) {
    this.#port = port;
    this.#nextPath = nextPath;
    this.#answered = answered;
    this.#connect();
    this.#timer = setInterval(() => this.#ask(), everyMs);
  }

  /** What is unanswered by then is forgotten: a read has no effect. */
  close(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#reconnect);
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    this.#socket = socket;
    this.#waiting = [];
    this.#received = "";
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#take(text));
    // A front-end that is killed; the connection is made anew.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      if (!this.#stopped) this.#reconnect = setTimeout(() => this.#connect(), reconnectMs);
    });
  }

  #ask(): void {
    const socket = this.#socket;
    if (socket === undefined || socket.connecting || socket.destroyed || this.#waiting.length > waitingMax)
      return;
    const path = this.#nextPath();
    this.#waiting.push({ path, start: monotonicNs() });
    socket.write(`GET ${path} HTTP/1.1\r\nhost: bazaar\r\n\r\n`);
  }

  #take(text: string): void {
    const end = monotonicNs();
    this.#received += text;
    for (;;) {
      const headEnd = this.#received.indexOf("\r\n\r\n");
      if (headEnd < 0) return;
      const head = this.#received.slice(0, headEnd);
      const bodyEnd = headEnd + 4 + Number(field(head, "content-length") ?? 0);
      if (this.#received.length < bodyEnd) return;
      const body = Buffer.from(this.#received.slice(headEnd + 4, bodyEnd), "latin1").toString();
      this.#received = this.#received.slice(bodyEnd);
      this.#answered({
        ...present(this.#waiting.shift(), "a request for every answer"),
        end,
        status: Number(head.slice(9, 12)),
        position: Number(field(head, "bazaar-position") ?? -1),
        cache: field(head, "x-cache"),
        body,
      });
    }
  }
}

function field(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(.*)$`, "im").exec(head)?.[1];
}
