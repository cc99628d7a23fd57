/** Whatever is wrong with a request is told in one form, and never as a failure of ours. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { call, raw, startWorld, type World } from "./fake-world.test-support.ts";

describe("a front-end", () => {
  let world: World;
  let url: string;
  before(async () => {
    world = await startWorld();
    url = world.url;
  });
  after(() => world.close());

  const badRequests: readonly (readonly [string, string, RequestInit, number, string])[] = [
    ["malformed JSON", "/orders", { method: "POST", body: "{" }, 400, "malformed"],
    ["an empty body", "/orders", { method: "POST", body: "" }, 400, "malformed"],
    [
      "a large body of nothing but brackets",
      "/orders",
      { method: "POST", body: "[".repeat(100_000) + "]".repeat(100_000) },
      400,
      "malformed",
    ],
    [
      "a body that is not UTF-8",
      "/orders",
      { method: "POST", body: new Uint8Array([0x22, 0xff, 0x22]) },
      400,
      "malformed",
    ],
    [
      "a number beyond all range",
      "/orders",
      { method: "POST", body: '{"name":"FishCo","quantity":1e309}' },
      400,
      "malformed",
    ],
    [
      "a __proto__ field",
      "/orders",
      { method: "POST", body: '{"name":"FishCo","quantity":1,"__proto__":{}}' },
      400,
      "malformed",
    ],
    [
      "half of a surrogate pair",
      "/orders",
      { method: "POST", body: '{"name":"\\ud83d","quantity":1}' },
      400,
      "malformed",
    ],
    ["deep nesting", "/orders", { method: "POST", body: "[".repeat(1_000_000) }, 400, "malformed"],
    [
      "deep nesting that closes",
      "/orders",
      { method: "POST", body: `${"[".repeat(100_000)}${"]".repeat(100_000)}` },
      400,
      "malformed",
    ],
    [
      "a huge body",
      "/orders",
      { method: "POST", body: `"${"x".repeat(5 * 1024 * 1024)}"` },
      413,
      "too-large",
    ],
    [
      "a form",
      "/orders",
      { method: "POST", body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
      "unsupported-media-type",
    ],
    [
      "another charset",
      "/orders",
      { method: "POST", body: "{}", headers: { "content-type": "application/json; charset=latin1" } },
      415,
      "unsupported-media-type",
    ],
    [
      "a compressed body",
      "/orders",
      {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json", "content-encoding": "gzip" },
      },
      415,
      "unsupported-media-type",
    ],
    [
      "a query on an order",
      "/orders?x=1",
      { method: "POST", body: '{"name":"FishCo","quantity":1}' },
      400,
      "malformed",
    ],
    [
      "a key with spaces",
      "/orders",
      {
        method: "POST",
        body: '{"name":"FishCo","quantity":1}',
        headers: { "content-type": "application/json", "idempotency-key": "a b" },
      },
      400,
      "malformed",
    ],
    [
      "a key that is too long",
      "/orders",
      {
        method: "POST",
        body: '{"name":"FishCo","quantity":1}',
        headers: { "content-type": "application/json", "idempotency-key": "k".repeat(256) },
      },
      400,
      "malformed",
    ],
    ["a malformed item", "/stocks", { method: "POST", body: "{}" }, 400, "malformed"],
    ["an unknown item", "/stocks/nix", {}, 404, "item-not-found"],
    ["an unknown item's id", "/stocks/99999999999999999999", {}, 404, "item-not-found"],
    ["an item's name that is too long", `/stocks/${"x".repeat(129)}`, {}, 400, "malformed"],
    ["a NUL in a name", "/stocks/a%00b", {}, 400, "malformed"],
    ["a malformed escape in a path", "/stocks/%zz", {}, 400, "malformed"],
    ["an escape that is not UTF-8", "/stocks/%ff", {}, 400, "malformed"],
    ["a path without an end", `/stocks/${"x".repeat(10_000)}`, {}, 400, "malformed"],
    ["an unknown order", "/orders/4000000", {}, 404, "order-not-found"],
    ["an order number beyond all range", "/orders/99999999999999999999", {}, 404, "order-not-found"],
    ["an order number that is none", "/orders/-1", {}, 400, "malformed"],
    ["an unknown parameter", "/stocks?x=1", {}, 400, "malformed"],
    ["a repeated parameter", "/stocks?limit=1&limit=1", {}, 400, "malformed"],
    ["a malformed escape in a query", "/stocks?topic=%", {}, 400, "malformed"],
    ["a limit of zero", "/stocks?limit=0", {}, 400, "malformed"],
    ["a limit that is too high", "/orders?limit=1001", {}, 400, "malformed"],
    ["a cursor that is none", "/stocks?after=12", {}, 400, "malformed"],
    ["an unknown consistency", "/stocks/FishCo?consistency=strong", {}, 400, "malformed"],
    ["a position that is none", "/stocks/FishCo?atLeast=x", {}, 400, "malformed"],
    ["an unknown path", "/nix", {}, 404, "not-found"],
    ["an unknown path under /api", "/api/api/stocks", {}, 404, "not-found"],
    ["a wrong method", "/leader", { method: "POST", body: "{}" }, 405, "method-not-allowed"],
    ["a wrong method on an item", "/stocks/FishCo", { method: "DELETE" }, 405, "method-not-allowed"],
  ];
  for (const [what, path, init, status, reason] of badRequests) {
    test(`refuses ${what} with ${status} ${reason}`, async () => {
      const headers = init.method === "POST" ? { "content-type": "application/json" } : {};
      const answer = await call(`${url}${path}`, { headers, ...init });
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.error?.code, status);
      assert.equal(answer.body.error?.reason, reason);
      assert.ok((answer.body.error?.message ?? "").length > 10);
      if (status === 405) assert.match(answer.headers.get("allow") ?? "", /GET/);
    });
  }

  test("refuses a body without a Content-Type with 415", async () => {
    const answer = await raw(
      world.port,
      "POST /orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
    );
    assert.match(answer, /^HTTP\/1.1 415 /);
    assert.match(answer, /"reason":"unsupported-media-type"/);
  });

  test("refuses what is not HTTP, and heads that are too large, in the same words as all else", async () => {
    assert.match(
      await raw(world.port, "nonsense\r\n\r\n"),
      /^HTTP\/1.1 400 [\s\S]*{"error":{"code":400,"reason":"malformed"/,
    );
    const head = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`;
    assert.match(
      await raw(world.port, head),
      /^HTTP\/1.1 431 [\s\S]*{"error":{"code":431,"reason":"headers-too-large"/,
    );
  });

  test("refuses a request without a Host with 400, also where it takes the shortcut, and takes one of HTTP/1.0", async () => {
    for (const path of ["/stocks/FishCo", "/nix", "/stocks?limit=1"]) {
      const answer = await raw(world.port, `GET ${path} HTTP/1.1\r\n\r\n`);
      assert.match(answer, /^HTTP\/1.1 400 [\s\S]*{"error":{"code":400,"reason":"malformed"/);
      assert.match(answer, /Host/);
    }
    assert.match(await raw(world.port, "GET /stocks/FishCo HTTP/1.0\r\n\r\n"), /^HTTP\/1.1 200 /);
  });

  test("refuses CONNECT with 405 and hangs up", async () => {
    for (const head of [
      "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
      "CONNECT a:443 HTTP/1.1\r\n\r\nmore",
    ]) {
      const answer = await raw(world.port, head);
      assert.match(answer, /^HTTP\/1.1 405 [\s\S]*{"error":{"code":405,"reason":"method-not-allowed"/);
      assert.match(answer, /\r\nAllow: GET, HEAD, POST\r\n/);
    }
  });

  test("answers a body that arrives in pieces", async () => {
    const body = '{"name":"FishCo","quantity":1}';
    const socket = connect(world.port, "127.0.0.1");
    const head = `POST /orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    for (const piece of [head, body.slice(0, 7), body.slice(7)]) {
      await new Promise((resolve) => socket.write(piece, resolve));
    }
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    assert.match(answer, /^HTTP\/1.1 200 /);
  });
});
