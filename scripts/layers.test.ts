import assert from "node:assert/strict";
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { checkLayers, layers } from "./layers.ts";

const leaf = "export type T = number;\nexport const t: T = 1;\n";

/** The violations of a tree of files under a temporary root, as "rule: from → to". */
async function violationsOf(tree: Readonly<Record<string, string>>): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), "bazaar-layers-"));
  try {
    const packages = {
      "package.json": JSON.stringify({ dependencies: { sold: "1" }, devDependencies: { tool: "1" } }),
      "node_modules/sold/index.js": "",
      "node_modules/tool/index.js": "",
    };
    for (const [path, text] of Object.entries({ ...packages, ...tree })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const { files, violations } = await checkLayers(root);
    assert.equal(files, globSync("src/**/*.ts", { cwd: root }).length);
    return violations.map(({ rule, from, to }) => `${rule}: ${from} → ${to}`).sort();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test("an import that the table does not allow is reported, in each of its spellings", async () => {
  const spellings = {
    value: 'import { t } from "../order/leaf.ts";\nexport const value = t;\n',
    type: 'import type { T } from "../order/leaf.ts";\nexport const value: T = 1;\n',
    "inline-type": 'import { type T } from "../order/leaf.ts";\nexport const value: T = 1;\n',
    reexport: 'export { t } from "../order/leaf.ts";\n',
    "type-reexport": 'export type { T } from "../order/leaf.ts";\n',
    "all-reexport": 'export * from "../order/leaf.ts";\n',
    "side-effect": 'import "../order/leaf.ts";\n',
    dynamic:
      "export class Late {\n  async #load(on: boolean): Promise<unknown> {\n" +
      '    if (on) return await import("../order/leaf.ts");\n    return 1;\n  }\n}\n',
  };
  for (const [spelling, text] of Object.entries(spellings)) {
    assert.deepEqual(
      await violationsOf({ "src/wire/planted.ts": text, "src/order/leaf.ts": leaf }),
      ["wire imports only base: src/wire/planted.ts → src/order/leaf.ts"],
      spelling,
    );
  }
});

test("a folder inside a folder is a layer of its own", async () => {
  const found = await violationsOf({
    "src/log/port.ts": leaf,
    "src/log/embedded/log.ts":
      'export { t } from "../port.ts";\nexport type { T } from "../../raft/raft.ts";\n',
    "src/log/memory.ts": 'export { t } from "./embedded/log.ts";\n',
    "src/order/replica.ts":
      'export { t } from "../log/embedded/log.ts";\nexport type { T } from "../log/port.ts";\n',
    "src/raft/raft.ts": leaf,
  });
  assert.deepEqual(found, [
    "log imports only base: src/log/memory.ts → src/log/embedded/log.ts",
    "order imports only answering, log, store, market, wire, base: src/order/replica.ts → src/log/embedded/log.ts",
  ]);
});

test("the beginning of a path allows what begins so, and no more", async () => {
  const found = await violationsOf({
    "src/supervisor/start.ts":
      'export type { T } from "../market/definition.ts";\nexport { t } from "../market/apply.ts";\n',
    "src/market/definition.ts": leaf,
    "src/market/apply.ts": leaf,
  });
  assert.equal(found.length, 1);
  assert.match(found[0] ?? "", /src\/supervisor\/start\.ts → src\/market\/apply\.ts$/);
});

test("a pure layer that imports Node or a package is reported, its tests may", async () => {
  const impure =
    'import { readFileSync } from "node:fs";\nimport "sold";\nexport const read = readFileSync;\n';
  const found = await violationsOf({
    "src/market/apply.ts": impure,
    "src/market/apply.test.ts": `${impure}import "tool";\n`,
    "src/raft/raft.ts": 'import type { Stats } from "node:fs";\nexport type S = Stats;\n',
    "src/wire/socket.ts": impure,
  });
  assert.deepEqual(found, [
    "market is pure: src/market/apply.ts → fs",
    "market is pure: src/market/apply.ts → node_modules/sold/index.js",
    "raft is pure: src/raft/raft.ts → fs",
  ]);
});

test("a cycle of what runs is reported, types may refer to each other", async () => {
  const found = await violationsOf({
    "src/base/a.ts": 'import { b } from "./b.ts";\nexport const a = (): unknown => b;\n',
    "src/base/b.ts": 'import { a } from "./a.ts";\nexport const b = (): unknown => a;\n',
    "src/base/c.ts": 'import type { D } from "./d.ts";\nexport type C = D | 1;\n',
    "src/base/d.ts": 'import type { C } from "./c.ts";\nexport type D = C[];\n',
  });
  assert.ok(found.length > 0);
  for (const line of found) assert.match(line, /^no cycles: src\/base\/[ab]\.ts/);
});

test("what runs may import neither tests, nor development dependencies, nor what is beside src", async () => {
  const found = await violationsOf({
    "src/wire/a.ts":
      'import "./b.test.ts";\nimport "./conformance.ts";\nimport "tool";\nimport "../../scripts/c.ts";\n',
    "src/wire/b.test.ts": 'import "tool";\nimport "./conformance.ts";\n',
    "src/wire/conformance.ts": leaf,
    "scripts/c.ts": leaf,
  });
  assert.deepEqual(found, [
    "src imports nothing that is beside it: src/wire/a.ts → scripts/c.ts",
    "what runs needs no development dependency: src/wire/a.ts → node_modules/tool/index.js",
    "what runs never imports tests: src/wire/a.ts → src/wire/b.test.ts",
    "what runs never imports tests: src/wire/a.ts → src/wire/conformance.ts",
  ]);
});

test("nothing imports the composition root", async () => {
  const found = await violationsOf({
    "src/supervisor/up.ts": 'import "../cli/main.ts";\n',
    "src/cli/main.ts": leaf,
  });
  assert.equal(found.length, 1);
  assert.match(found[0] ?? "", /src\/supervisor\/up\.ts → src\/cli\/main\.ts$/);
});

test("a folder without a row and an import that leads nowhere are reported", async () => {
  const found = await violationsOf({ "src/misc/a.ts": leaf, "src/wire/b.ts": 'import "./gone.ts";\n' });
  assert.deepEqual(found, [
    "every file belongs to a layer: src/misc/a.ts → ",
    "every import is found: src/wire/b.ts → ./gone.ts",
  ]);
});

test("every file of src is read", async () => {
  const root = join(import.meta.dirname, "..");
  const count = globSync("src/**/*.ts", { cwd: root }).length;
  assert.ok(count > 0);
  assert.equal((await checkLayers(root)).files, count);
});

test("the table itself has no cycle, and no row names the composition root", () => {
  const seen = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    assert.ok(!path.includes(name), [...path, name].join(" → "));
    assert.notEqual(name, "cli", path.join(" → "));
    const layer = layers[name];
    if (layer === undefined || layer === "anything" || seen.has(name)) return;
    for (const next of layer.imports) visit(next.split("/")[0] === "cli" ? "cli" : next, [...path, name]);
    seen.add(name);
  };
  for (const name of Object.keys(layers).filter((name) => name !== "cli")) visit(name, []);
});
