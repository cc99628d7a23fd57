/**
 * Which folder of src/ may import which: the table below, enforced.
 *
 * dependency-cruiser does the reading. It cannot use TypeScript 7, which has no programmatic API, and would then skip
 * every .ts file and report success; so swc is its parser, a cruise that saw fewer modules than there are files is a
 * failure of its own, and layers.test.ts plants violations to prove that each rule bites.
 */
import { globSync } from "node:fs";
import type { IRegularForbiddenRuleType } from "dependency-cruiser";
import { cruise } from "dependency-cruiser";

interface Layer {
  /**
   * What its files may import besides each other: folders that have a row here, or beginnings of paths ("market/def"
   * for what in market/ begins so). A folder inside a folder is a layer of its own if it has a row.
   */
  readonly imports: readonly string[];
  /** Neither `node:` modules nor packages: what decides must not be able to reach a clock, a disk or a socket. */
  readonly pure?: true;
}

export const layers: Readonly<Record<string, Layer | "anything">> = {
  base: { imports: [], pure: true },
  market: { imports: ["base"], pure: true },
  raft: { imports: ["base"], pure: true },
  log: { imports: ["base"] },
  "log/embedded": { imports: ["log", "raft", "wire", "base"] },
  store: { imports: ["base", "market"] },
  "store/sqlite": { imports: ["store", "base", "market"] },
  wire: { imports: ["base"] },
  answering: { imports: ["market", "wire", "base"] },
  order: { imports: ["answering", "log", "store", "market", "wire", "base"] },
  catalog: { imports: ["answering", "market", "wire", "base"] },
  frontend: { imports: ["market", "wire", "base"] },
  // The published protocol, and the proof that it is guilty: unsafe, for teaching.
  course: { imports: ["market/definition", "market/currency", "wire", "base"] },
  "course/testing": { imports: ["course", "check", "market/definition", "wire", "base"] },
  client: { imports: ["base"] },
  shopper: { imports: ["client", "base"] },
  check: { imports: ["base"] },
  supervisor: { imports: ["wire", "base", "market/definition", "store/sqlite/directory-lock"] },
  torture: {
    imports: [
      "client",
      "check",
      "shopper",
      "supervisor/control",
      "supervisor/timeline",
      "frontend/reading",
      "wire",
      "base",
    ],
  },
  // Runs everything, loaded into another world.
  sim: "anything",
  // The composition root: it alone chooses adapters, and because no row names it nothing imports it.
  cli: "anything",
};

/** Test files and what only they use: the suites that every adapter of a port runs, samples, processes to be killed. */
const testFiles = String.raw`(\.test\.ts|\.test-support\.ts|/(conformance|sample|crash-child)\.ts|/testing/.*\.ts)$`;

const names = Object.keys(layers);

/** A pattern for the files of a layer, those of layers inside it left out. */
function filesOf(name: string): string {
  const inner = names
    .filter((other) => other.startsWith(`${name}/`))
    .map((other) => `(?!${other.slice(name.length + 1)}/)`);
  return `^src/${name}/${inner.join("")}`;
}

function importable(entry: string): string {
  return names.includes(entry) ? filesOf(entry) : `^src/${entry}`;
}

function layerRules(name: string, layer: Layer): IRegularForbiddenRuleType[] {
  const rules: IRegularForbiddenRuleType[] = [
    {
      name: `${name} imports only ${layer.imports.join(", ") || "itself"}`,
      severity: "error",
      from: { path: filesOf(name) },
      to: { path: "^src/", pathNot: [filesOf(name), ...layer.imports.map(importable)] },
    },
  ];
  if (layer.pure) {
    rules.push({
      name: `${name} is pure`,
      severity: "error",
      from: { path: filesOf(name), pathNot: testFiles },
      to: { pathNot: "^src/" },
    });
  }
  return rules;
}

const generalRules: readonly IRegularForbiddenRuleType[] = [
  {
    // Types may refer to each other across files of one layer; what runs may not.
    name: "no cycles",
    severity: "error",
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
  },
  {
    name: "what runs never imports tests",
    severity: "error",
    from: { path: "^src/", pathNot: testFiles },
    to: { path: testFiles },
  },
  {
    name: "src imports nothing that is beside it",
    severity: "error",
    from: { path: "^src/" },
    to: { path: "^(bench|bin|scripts|test)/" },
  },
  {
    name: "what runs needs no development dependency",
    severity: "error",
    from: { path: "^src/", pathNot: testFiles },
    to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
  },
  {
    name: "every import is found",
    severity: "error",
    from: {},
    to: { couldNotResolve: true },
  },
];

export interface LayerViolation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

export interface LayerReport {
  /** Files of src/ that were read. */
  readonly files: number;
  readonly violations: readonly LayerViolation[];
}

/** Read every file of `root`/src and hold its imports against the rules. */
export async function checkLayers(root: string): Promise<LayerReport> {
  const forbidden = [...generalRules];
  for (const [name, layer] of Object.entries(layers)) {
    if (layer !== "anything") forbidden.push(...layerRules(name, layer));
  }
  const files = globSync("src/**/*.ts", { cwd: root });
  const { output } = await cruise(["src"], {
    baseDir: root,
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    validate: true,
    ruleSet: { forbidden },
  });
  if (typeof output === "string") throw new Error("dependency-cruiser answered with text");
  const violations: LayerViolation[] = output.summary.violations.map((violation) => ({
    rule: violation.rule.name,
    from: violation.from,
    to: violation.cycle?.map((step) => step.name).join(" → ") ?? violation.to,
  }));
  const read = new Set(output.modules.map((module) => module.source));
  for (const file of files) {
    if (!read.has(file)) violations.push({ rule: "every file is read", from: file, to: "" });
    if (!names.some((name) => file.startsWith(`src/${name}/`))) {
      violations.push({ rule: "every file belongs to a layer", from: file, to: "" });
    }
  }
  return { files: files.filter((file) => read.has(file)).length, violations };
}

if (import.meta.main) {
  const { files, violations } = await checkLayers(process.cwd());
  for (const { rule, from, to } of violations) console.log(`${rule}: ${from}${to && ` → ${to}`}`);
  console.log(`${files} files, ${violations.length} violations`);
  if (files === 0 || violations.length > 0) process.exitCode = 1;
}
