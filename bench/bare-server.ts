/**
 * The floor to measure against, `node:http` by itself, one process, no disk. `POST`: a JSON body parsed, a Map changed, a
 * JSON answer. `GET`: a body and headers as large as those that the parent process sent, as text that is ready.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** What a `GET` is answered: the headers as a flat list. */
export interface BareReply {
  readonly headers: readonly string[];
  readonly body: string;
}

const stock = new Map<number, number>();
for (let id = 1; id <= 10; id++) stock.set(id, 1_000);
let orders = 0;
let reply: { readonly headers: string[]; readonly body: string } = { headers: [], body: "" };

function take(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const order = JSON.parse(Buffer.concat(chunks).toString());
    const [line] = order.lines;
    const change = order.type === "sell" ? line.quantity : -line.quantity;
    stock.set(line.id, (stock.get(line.id) ?? 0) + change);
    const body = JSON.stringify({ data: { order_number: orders++, type: order.type, lines: order.lines } });
    response.writeHead(200, {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  });
}

const server = createServer((request, response) => {
  if (request.method === "POST") return take(request, response);
  response.writeHead(200, reply.headers);
  response.end(reply.body, "latin1");
  return undefined;
});
process.on("message", ({ headers, body }: BareReply) => {
  reply = { headers: [...headers], body };
  process.send?.({ replies: true });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) process.send?.({ port: address.port });
});
process.once("disconnect", () => process.exit(0));
