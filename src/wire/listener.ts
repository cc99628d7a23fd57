/** Accepts framed connections on one TCP port. */
import { createServer, type Server } from "node:net";
import type { ByteReader } from "../base/bytes.ts";
import { Connection } from "./connection.ts";
import type { Address } from "./dialer.ts";

/** Many times what a system of ours has; whoever comes beyond it is hung up on, and dials again. */
const connectionsMax = 256;

/** What an accepted connection is given to. */
export interface Acceptor {
  frame(kind: number, body: ByteReader): void;
  closed(): void;
}

export class Listener {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Rejects with the operating system's error, such as EADDRINUSE. */
  static async open(address: Address, accept: (connection: Connection) => Acceptor): Promise<Listener> {
    const server = createServer();
    const listener = new Listener(server);
    server.maxConnections = connectionsMax;
    server.on("connection", (socket) => {
      let acceptor: Acceptor | undefined;
      const connection = new Connection(socket, {
        frame: (kind, body) => acceptor?.frame(kind, body),
        closed: () => {
          listener.#connections.delete(connection);
          acceptor?.closed();
        },
      });
      listener.#connections.add(connection);
      acceptor = accept(connection);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Stays: a failed accept later on (no file descriptor left) costs one connection, which is dialled again.
    server.on("error", reject);
    server.listen({ host: address.host, port: address.port, exclusive: true }, resolve);
    await promise;
    return listener;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const connection of this.#connections) connection.close();
    await promise;
  }
}
