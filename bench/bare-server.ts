/** The floor to measure against: `node:http`, a JSON body parsed, a Map changed, a JSON answer. One process, no disk. */
import { createServer } from "node:http";

const stock = new Map<number, number>();
for (let id = 1; id <= 10; id++) stock.set(id, 1_000);
let orders = 0;

const server = createServer((request, response) => {
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
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) process.send?.({ port: address.port });
});
process.once("disconnect", () => process.exit(0));
