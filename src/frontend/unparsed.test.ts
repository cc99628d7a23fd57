/** What Node's parser refuses is answered in its turn: never before the replies to what was asked earlier. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { call, raw, startWorld, type World } from "./fake-world.test-support.ts";

const body = '{"name":"FishCo","quantity":1}';
const order = `POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

const statusesOf = (answer: string): string[] =>
  [...answer.matchAll(/HTTP\/1.1 (\d{3}) /g)].map(([, s]) => `${s}`);

describe("on one connection", () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world.close());

  const refusals: readonly (readonly [string, string, string])[] = [
    ["what is no HTTP", "nonsense\r\n\r\n", "400"],
    ["a head that is too large", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
    ["a head that goes on and on", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(4_000_000)}\r\n\r\n`, "431"],
    ["CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "405"],
    [
      "a malformed chunk of a body",
      "POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "400",
    ],
  ];
  for (const [what, bytes, status] of refusals) {
    test(`${what} is refused behind the replies to the orders that came before it`, async () => {
      const { body: before } = await call(`${world.url}/stocks/FishCo`);
      assert.deepEqual(statusesOf(await raw(world.port, order + order + bytes)), ["200", "200", status]);
      const { body: after } = await call(`${world.url}/stocks/FishCo`);
      assert.equal(after.data.quantity, before.data.quantity - 2);
    });
  }

  for (const [what, more] of [
    ["who asks no more", ""],
    ["who breaks off in the next request", "GET /sto"],
  ] as const) {
    test(`a client that ends its side after an order hears what became of it: one ${what}`, async () => {
      const socket = connect({ port: world.port, host: "127.0.0.1", allowHalfOpen: true });
      socket.end(order + order + more);
      let answer = "";
      for await (const chunk of socket) answer += chunk;
      assert.deepEqual(statusesOf(answer), more === "" ? ["200", "200"] : ["200", "200", "400"]);
    });
  }

  test("whoever goes on writing after a refusal is hung up on in the end", async () => {
    const socket = connect(world.port, "127.0.0.1");
    socket.on("error", () => undefined).resume();
    const writing = setInterval(() => socket.write("nonsense\r\n\r\n"), 50);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(writing);
  });

  test("an expectation that nobody can meet is refused in words, and the connection goes on", async () => {
    const expecting = order.replace("\r\n", "\r\nExpect: the-impossible\r\n");
    const answer = await raw(
      world.port,
      `${expecting}GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    );
    assert.deepEqual(statusesOf(answer), ["417", "200"]);
    assert.match(answer, /{"error":{"code":417,"reason":"expectation-failed"/);
  });
});
