/**
 * The most frequent calls are recognised before the router. An empty query changes nothing of what a call means and
 * keeps it from being recognised, so each call here goes both ways, with and without `/api`, and must fare the same.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { post, raw, startWorld, type World } from "./fake-world.test-support.ts";

/** What differs from one call to the next, whichever way it goes; and a length that is the path's own. */
const varying =
  /^(date|server-timing|x-cache|bazaar-position|idempotency-key): .*$|"(order_number|transaction_number|at)":\d+|text of \d+ characters/gim;

const order = '{"name":"FishCo","quantity":1}';
const json = "Content-Type: application/json";

/** Method, path, header lines, body. */
const calls: readonly (readonly [
  method: string,
  path: string,
  headers?: readonly string[],
  body?: string,
])[] = [
  ["POST", "/orders", [json], order],
  ["POST", "/orders", [json, "Authorization: Bearer wrong"], order],
  ["POST", "/orders", [json, "Idempotency-Key: one-for-all"], order],
  ["POST", "/orders", [json, "Idempotency-Key: a b"], order],
  ["POST", "/orders", [json], '{"name":"nix","quantity":1}'],
  ["POST", "/orders", [json], "{"],
  ["POST", "/orders", [json], ""],
  ["POST", "/orders", [], order],
  ["POST", "/orders", ["Content-Type: text/plain"], order],
  ["POST", "/orders", ["Content-Type: nonsense"], order],
  ["POST", "/orders", ["Content-Type:"], order],
  ["POST", "/orders", ["Content-Type: ;;/"], order],
  ["POST", "/orders", [json, "Content-Encoding: gzip"], order],
  ["POST", "/orders", [json, "Expect: 100-continue"], order],
  ["POST", "/orders", [json], `"${"x".repeat(4 * 1024 * 1024)}"`],
  ["PUT", "/orders", [json], order],
  ["PUT", "/orders", ["Content-Type: ;;/"], order],
  ["DELETE", "/orders"],
  ["QUERY", "/orders"],
  ["PROPFIND", "/orders"],
  ["GET", "/orders"],
  ["HEAD", "/orders"],
  ["POST", "/orders/", [json], order],
  ["POST", "//orders", [json], order],
  ["POST", "/Orders", [json], order],
  ["GET", "/stocks/FishCo"],
  ["GET", "/stocks/fishco"],
  ["GET", "/stocks/1"],
  ["GET", "/stocks/0"],
  ["GET", "/stocks/nix"],
  ["GET", "/stocks/."],
  ["GET", "/stocks/.."],
  ["GET", `/stocks/${"x".repeat(128)}`],
  ["GET", `/stocks/${"x".repeat(129)}`],
  ["GET", `/stocks/${"x".repeat(2_000)}`],
  ["GET", `/stocks/${"9".repeat(128)}`],
  ["GET", "/stocks/FishCo/"],
  ["GET", "/stocks/FishCo/x"],
  ["GET", "/Stocks/FishCo"],
  ["GET", "/stocks/FishCo", [json], order],
  ["GET", "/stocks/FishCo", ["Content-Type: ;;/"]],
  ["HEAD", "/stocks/FishCo"],
  ["POST", "/stocks/FishCo", [json], order],
  ["DELETE", "/stocks/FishCo"],
  ["OPTIONS", "/stocks/FishCo"],
  ["GET", "/orders/0"],
  ["GET", "/orders/00"],
  ["GET", "/orders/999999999999999"],
  ["GET", "/orders/9999999999999999"],
  ["GET", "/orders/99999999999999999999"],
  ["GET", "/orders/batch"],
  ["GET", "/orders/-1"],
  ["HEAD", "/orders/0"],
  ["DELETE", "/orders/0"],
  ["POST", "/orders/0", [json], order],
  ["POST", "/orders/batch", ["Content-Type: ;;/"], order],
  ["POST", "/nix", ["Content-Type: ;;/"], order],
  ["PROPFIND", "/nix"],
];

for (const cache of [0, 64])
  describe(`every way to a call, with ${cache} replies kept`, () => {
    let world: World;
    before(async () => {
      world = await startWorld({
        token: "sesame",
        cache,
        prepare: ({ leases }) => {
          leases.remainingMs = 2_000;
        },
      });
      await post(`${world.url}/orders`, { name: "FishCo", quantity: 1 });
      await post(`${world.url}/orders`, JSON.parse(order), { "idempotency-key": "one-for-all" });
    });
    after(() => world.close());

    async function answer(
      method: string,
      path: string,
      headers: readonly string[] = [],
      body?: string,
    ): Promise<string> {
      const lines = [`${method} ${path} HTTP/1.1`, "Host: a", "Connection: close", ...headers];
      if (body !== undefined) lines.push(`Content-Length: ${body.length}`);
      return (await raw(world.port, `${lines.join("\r\n")}\r\n\r\n${body ?? ""}`)).replace(varying, "");
    }

    for (const [method, path, headers, body] of calls) {
      const what = [
        method,
        path.length > 40 ? `${path.slice(0, 20)}… (${path.length})` : path,
        ...(headers ?? []),
      ];
      test(`answers the same: ${what.join(", ")}, ${body?.length ?? "no"} bytes`, async () => {
        const plain = await answer(method, path, headers, body);
        assert.match(plain, /^HTTP\/1\.1 [1-5]\d\d /);
        assert.doesNotMatch(plain, /^HTTP\/1\.1 500 /);
        for (const spelling of [`/api${path}`, `${path}?`, `/api${path}?`])
          assert.equal(await answer(method, spelling, headers, body), plain, spelling);
      });
    }
  });
