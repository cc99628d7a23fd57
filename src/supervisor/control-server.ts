/**
 * The supervisor's end of the control socket. Only the owner of the data directory can reach it: the directory and
 * the socket are theirs alone.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { type ControlReply, type ControlRequest, controlLimits, parseRequest } from "./control.ts";
import { LineReader } from "./lines.ts";
import type { TimelineEvent } from "./timeline.ts";

export interface ControlEvents {
  request(request: Exclude<ControlRequest, { verb: "watch" }>): Promise<ControlReply>;
  /** Whether anyone watches. */
  watched(on: boolean): void;
}

export class ControlServer {
  readonly path: string;
  readonly #server: Server;
  readonly #events: ControlEvents;
  readonly #sockets = new Set<Socket>();
  /** Each watcher with the number of events it has missed. */
  readonly #watchers = new Map<Socket, number>();

  private constructor(path: string, server: Server, events: ControlEvents) {
    this.path = path;
    this.#server = server;
    this.#events = events;
  }

  /** The data directory must be locked: a socket that lies at `path` is one that a killed supervisor left. */
  static async open(path: string, events: ControlEvents): Promise<ControlServer> {
    rmSync(path, { force: true });
    const server = createServer();
    const control = new ControlServer(path, server, events);
    // Whoever comes beyond it is hung up on.
    server.maxConnections = controlLimits.clients;
    server.on("connection", (socket) => control.#accept(socket));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Stays: a failed accept later on is the caller's to try again, and no reason to end.
    server.on("error", reject);
    server.listen(path, resolve);
    await promise;
    chmodSync(path, 0o600);
    return control;
  }

  publish(event: TimelineEvent): void {
    for (const [watcher, missed] of this.#watchers) {
      if (watcher.writableLength > controlLimits.watcherBytes) {
        this.#watchers.set(watcher, missed + 1);
        continue;
      }
      if (missed > 0) {
        this.#watchers.set(watcher, 0);
        this.#reply(watcher, { kind: "dropped", count: missed });
      }
      this.#reply(watcher, { kind: "event", event });
    }
  }

  /** Lets replies that are under way arrive. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroySoon();
    await promise;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const reader = new LineReader(controlLimits.requestBytes, (line) => this.#receive(socket, line));
    socket.on("data", (chunk: Buffer) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    // A client that hangs up in the middle of a reply is no concern of ours.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#watchers.delete(socket) && this.#watchers.size === 0) this.#events.watched(false);
    });
  }

  #receive(socket: Socket, line: string): void {
    const request = parseRequest(line);
    if (request === undefined) {
      this.#reply(socket, { kind: "refused", message: "That is no request of the control socket." });
      return;
    }
    if (request.verb === "watch") {
      if (this.#watchers.size === 0) this.#events.watched(true);
      this.#watchers.set(socket, 0);
      this.#reply(socket, { kind: "done", message: "watching" });
      return;
    }
    void this.#events.request(request).then(
      (reply) => this.#reply(socket, reply),
      (error: unknown) => this.#reply(socket, { kind: "refused", message: String(error) }),
    );
  }

  #reply(socket: Socket, reply: ControlReply): void {
    if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`);
  }
}
