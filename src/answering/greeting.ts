/** Whoever dials a process of ours says hello first; who it is decides what its frames mean. */
import { DecodeError } from "../base/bytes.ts";
import type { Connection } from "../wire/connection.ts";
import { type Hello, helloFrame, readHello } from "../wire/hello.ts";
import type { Acceptor } from "../wire/listener.ts";

/** A dialler says it at once; whoever says nothing must not hold a connection. */
const helloWithinMs = 5_000;

/**
 * Takes a connection's frames to whom `greet` gives it on its hello. `greet` throws `DecodeError` for one that has no
 * business here.
 */
export function greeted(
  connection: Connection,
  cluster: string,
  greet: (hello: Hello) => Acceptor,
): Acceptor {
  let acceptor: Acceptor | undefined;
  const deadline = setTimeout(() => connection.close(new Error("no hello came")), helloWithinMs).unref();
  return {
    frame: (kind, body) => {
      if (acceptor !== undefined) {
        acceptor.frame(kind, body);
        return;
      }
      if (kind !== helloFrame) throw new DecodeError(`a frame of kind ${kind} before the hello`);
      const hello = readHello(body, cluster);
      connection.identify(hello.name);
      acceptor = greet(hello);
      clearTimeout(deadline);
    },
    closed: () => {
      clearTimeout(deadline);
      acceptor?.closed();
    },
  };
}
