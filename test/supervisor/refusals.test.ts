/** What `up` refuses, with the words that say what to do; nothing is started or changed by it. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { bazaar, temporaryDirectory, up } from "./system-under-test.ts";

async function takenPort(t: TestContext): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  return address.port;
}

test("flags that are misspelt, out of range or not there are refused with what is right", async () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["up", "--prot", "8000"], /Did you mean --port\?/],
    [["up", "--port", "70000"], /--port must be a whole number from 0 to 65535/],
    [["up", "--orders", "4"], /--orders must be one of 1, 3, 5/],
    [["up", "--frontends", "0"], /--frontends must be a whole number from 1 to 8/],
    [["up", "--frontend", "2"], /Did you mean --frontends\?/],
    [["up", "--catalogs", "9"], /--catalogs must be a whole number from 0 to 8/],
    [["up", "--cache", "100001"], /--cache must be a whole number from 0 to 100000, or off/],
    [["up", "--log-segment", "0"], /--log-segment must be a number from 0.0625/],
    [["up", "extra"], /does not take "extra"/],
    [["up", "--market", "stoks"], /Did you mean --market stocks\?/],
    [["statsu"], /Did you mean `status`\?/],
    [["kill"], /kill needs NAME/],
  ];
  for (const [words, expected] of cases) {
    const { code, stdout, stderr } = await bazaar(...words);
    assert.equal(code, 2, words.join(" "));
    assert.match(stderr, expected);
    assert.equal(stdout, "");
  }
});

test("a taken port is refused before anything is created, in the same words with several front-ends", async (t) => {
  const port = await takenPort(t);
  const directory = temporaryDirectory(t);
  for (const frontends of ["1", "2"]) {
    const words = ["--data", directory, "--port", String(port), "--frontends", frontends];
    const { code, stderr } = await bazaar("up", ...words);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`Port ${port} .*taken`));
    assert.match(stderr, /--port/);
    assert.equal(existsSync(join(directory, "cluster.json")), false);
  }
});

test("a second up on a directory in use is refused, naming who has it", async (t) => {
  const running = await up(t, temporaryDirectory(t), "--orders", "1");
  const second = await bazaar("up", "--data", running.directory, "--port", "0");
  assert.equal(second.code, 2);
  assert.match(second.stderr, new RegExp(`process ${running.child.pid} `));
  assert.equal(
    (await running.status()).processes.every(({ up: isUp }) => isUp),
    true,
  );
});

test("another market or number of replicas on existing data is refused, and the same one is not", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await up(t, directory, "--orders", "1", "--market", "toys");
  await first.end();
  const other = await bazaar("up", "--data", directory, "--port", "0", "--orders", "3", "--market", "books");
  assert.equal(other.code, 2);
  assert.match(other.stderr, /1 order replicas, and --orders says 3/);
  assert.match(other.stderr, /"toys", and --market says "books"/);
  const again = await up(t, directory);
  assert.equal((await again.status()).market, "toys");
});

test("a broken market file is refused with every problem and its path", async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, "market.json");
  const data = join(directory, "data");
  writeFileSync(
    file,
    '{"name":"x","resource":"Things","items":[{"name":"7","priceMinor":1e15,"quantity":1}]}',
  );
  const broken = await bazaar("up", "--data", data, "--market", file);
  assert.equal(broken.code, 2);
  for (const path of ["resource", "items[0].name", "items[0].priceMinor"]) {
    assert.ok(broken.stderr.includes(path), `${path} in ${broken.stderr}`);
  }
  writeFileSync(file, "{");
  const unreadable = await bazaar("up", "--data", data, "--market", file);
  assert.equal(unreadable.code, 2);
  assert.match(unreadable.stderr, /not JSON/);
  assert.equal(existsSync(data), false);
});

test("a directory that holds something else is refused and left alone", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "thesis.txt"), "dear");
  const foreign = await bazaar("up", "--data", directory, "--port", "0");
  assert.equal(foreign.code, 2);
  assert.match(foreign.stderr, /thesis\.txt/);
  assert.equal(readFileSync(join(directory, "thesis.txt"), "utf8"), "dear");
});

test("replicas without their cluster.json are refused, never formatted anew", async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(join(directory, "order-1"));
  const { code, stderr } = await bazaar("up", "--data", directory, "--port", "0");
  assert.equal(code, 2);
  assert.match(stderr, /no cluster\.json/);
  assert.equal(existsSync(join(directory, "order-1")), true);
});

test("a broken cluster.json is told problem by problem", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "cluster.json"), '{"format":1,"orders":2}');
  const { code, stderr } = await bazaar("up", "--data", directory, "--port", "0");
  assert.equal(code, 2);
  for (const path of ["cluster:", "orders:", "market:"]) assert.ok(stderr.includes(path), stderr);
});

test("a creation that a crash interrupted is done anew", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "creating"), "");
  mkdirSync(join(directory, "order-1"));
  writeFileSync(join(directory, "order-1", "half"), "");
  const running = await up(t, directory, "--orders", "1");
  assert.equal(existsSync(join(directory, "creating")), false);
  assert.equal(existsSync(join(directory, "order-1", "half")), false);
  assert.equal((await running.status()).processes.length, 4);
});

test("verbs without a running system exit with 4 and say how to start one", async (t) => {
  const directory = temporaryDirectory(t);
  for (const words of [
    ["status"],
    ["down"],
    ["check"],
    ["watch"],
    ["kill", "order-1"],
    ["repair", "order-1"],
  ]) {
    const { code, stderr } = await bazaar(...words, "--data", directory);
    assert.equal(code, 4, words.join(" "));
    assert.match(stderr, /npm start/);
  }
});
