/** Whoever dials an order replica says hello first; then it is a peer of the log or a front-end. */
import { type ByteReader, DecodeError } from "../base/bytes.ts";
import type { Connection } from "../wire/connection.ts";
import { type Hello, helloFrame, readHello } from "../wire/hello.ts";
import type { Acceptor } from "../wire/listener.ts";
import { readQuestions, readSubmissions, serviceFrames } from "../wire/service.ts";
import { FrontendLink } from "./frontend-link.ts";
import type { Replica } from "./replica.ts";

/** A dialler says it at once; whoever says nothing must not hold a connection. */
const helloWithinMs = 5_000;

/** `acceptPeer` takes over a connection whose hello came from another replica of the log's group. */
export function acceptorFor(
  connection: Connection,
  cluster: string,
  acceptPeer: (hello: Hello) => Acceptor,
  replica: Replica,
): Acceptor {
  let greeted: Acceptor | undefined;
  const deadline = setTimeout(() => connection.close(new Error("no hello came")), helloWithinMs).unref();
  const greet = (hello: Hello): Acceptor =>
    hello.role === "order" ? acceptPeer(hello) : serve(hello, connection, replica);
  return {
    frame: (kind, body) => {
      if (greeted !== undefined) {
        greeted.frame(kind, body);
        return;
      }
      if (kind !== helloFrame) throw new DecodeError(`a frame of kind ${kind} before the hello`);
      greeted = greet(readHello(body, cluster));
      clearTimeout(deadline);
    },
    closed: () => {
      clearTimeout(deadline);
      greeted?.closed();
    },
  };
}

function serve(hello: Hello, connection: Connection, replica: Replica): Acceptor {
  const link = new FrontendLink(hello.name, connection);
  replica.join(link);
  return {
    frame: (kind: number, body: ByteReader) => {
      if (kind === serviceFrames.submit) replica.submit(link, readSubmissions(body));
      else if (kind === serviceFrames.ask) replica.ask(link, readQuestions(body));
      else throw new DecodeError(`a front-end sent a frame of kind ${kind}`);
    },
    closed: () => replica.leave(link),
  };
}
