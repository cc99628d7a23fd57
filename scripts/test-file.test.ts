import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { FileTally } from "./test-file.ts";

const program = `
  import { runTestFile } from ${JSON.stringify(new URL("./test-file.ts", import.meta.url).href)};
  console.log(JSON.stringify(await runTestFile(process.env.PLANTED_FILE, Number(process.env.PLANTED_LIMIT_MS))));
`;

/** What is counted of a test file with this source. In a process of its own: a test cannot run tests. */
async function tallyOf(source: string, limitMs = 20_000): Promise<FileTally> {
  const folder = mkdtempSync(join(tmpdir(), "bazaar-test-file-"));
  try {
    const file = join(folder, "planted.test.mjs");
    writeFileSync(
      file,
      `import assert from "node:assert/strict";\nimport { suite, test } from "node:test";\n${source}`,
    );
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const runner = join(folder, "runner.mjs");
    writeFileSync(runner, program);
    const child = spawn(process.execPath, [runner], {
      env: { ...inherited, PLANTED_FILE: file, PLANTED_LIMIT_MS: String(limitMs) },
      stdio: ["ignore", "pipe", "inherit"],
    });
    return JSON.parse(await text(child.stdout)) as FileTally;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("tests are counted one by one, suites are not", async () => {
  const { passed, failed, skipped } = await tallyOf(`
    test("one", () => {});
    suite("of two", () => { test("two", () => {}); test("three", () => {}); });
  `);
  assert.deepEqual({ passed, failed, skipped }, { passed: 3, failed: 0, skipped: [] });
});

test("a failure is reported once, under the names around it, with the file's output", async () => {
  const { passed, failed, report } = await tallyOf(`
    suite("outer", () => { test("inner", () => { console.log("a clue"); assert.equal(1, 2); }); });
  `);
  assert.deepEqual({ passed, failed, reports: report.length }, { passed: 0, failed: 1, reports: 2 });
  assert.match(report[0] ?? "", /outer › inner\n(?:.*\n)+.*1 !== 2/);
  assert.match(report[1] ?? "", /a clue/);
});

test("skipped tests and suites are named, with the reason", async () => {
  const { passed, skipped } = await tallyOf(`
    test("runs", () => {});
    test("needs strace", { skip: "no strace here" }, () => {});
    suite("all of it", { skip: true }, () => { test("inside", () => {}); });
    test("some day", { todo: true }, () => assert.fail());
  `);
  assert.equal(passed, 1);
  assert.deepEqual(
    skipped.map((name) => name.replace(/^.*: /, "")),
    ["needs strace (no strace here)", "all of it", "some day"],
  );
});

test("a file that holds no test, throws as it loads, or exits early has failed", async () => {
  const sources = ["", "throw new Error('at once');", "test('cut short', async () => process.exit(0));"];
  for (const source of sources) {
    const { passed, failed } = await tallyOf(source);
    assert.deepEqual({ passed, failed }, { passed: 0, failed: 1 }, source);
  }
});

test("a failing hook is a failure though every test passed", async () => {
  const { failed } = await tallyOf(`
    import { after } from "node:test";
    suite("hooked", () => { after(() => assert.fail("after")); test("fine", () => {}); });
  `);
  assert.equal(failed, 1);
});

test("a file that hangs is killed at its limit and has failed", async () => {
  const { failed, report } = await tallyOf(`setInterval(() => {}, 1_000); test("fine", () => {});`, 1_000);
  assert.ok(failed > 0);
  assert.match(report.join("\n"), /killed after 1 s/);
});
