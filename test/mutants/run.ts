/**
 * Whether the simulator finds bugs: deliberate ones, one after the other, until a history breaks a promise:
 *
 *     npm run mutants [-- --only NAME … --from 1 --seeds 200 --seconds 60 --histories 2000 --workers 2 --json]
 *
 * Bugs of the core are looked for in the seeded cluster first (test/cluster), where thousands of histories take a minute,
 * and in the whole system if they are not found there.
 *
 * Before them the code as it is lives through as many seeds, which must break nothing (`--no-control` leaves that out).
 * Exits with 3 if anything was not as it must be.
 */
import { parseArgs } from "node:util";
import { type Hunt, type HuntOptions, hunt } from "../../src/sim/mutant-hunt.test-support.ts";
import { mutantNamed, mutants } from "../../src/sim/mutants.ts";
import { huntInCluster } from "./cluster-hunt.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true },
    from: { type: "string", default: "1" },
    seeds: { type: "string", default: "200" },
    seconds: { type: "string", default: "60" },
    histories: { type: "string", default: "2000" },
    workers: { type: "string", default: "2" },
    "no-control": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

const options: HuntOptions = {
  from: Number(values.from),
  seeds: Number(values.seeds),
  seconds: Number(values.seconds),
  workers: Number(values.workers),
};
const chosen = values.only === undefined ? mutants : values.only.map(mutantNamed);
const nameWidth = Math.max(...chosen.map(({ name }) => name.length));
const ruleWidth = Math.max(...chosen.map(({ rule }) => rule.length));

interface Row extends Hunt {
  readonly mutant: string;
  readonly rule: string;
}

function told({ mutant, rule, seeds, caught, cpuSeconds }: Row): string {
  const columns = [
    mutant.padEnd(nameWidth),
    rule.padEnd(ruleWidth),
    String(seeds).padStart(5),
    cpuSeconds.toFixed(0).padStart(6),
    caught?.by ?? "NOT CAUGHT",
  ];
  return columns.join("  ");
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

let sound = true;
let control: Hunt | undefined;
if (!values["no-control"]) {
  control = await hunt(undefined, options);
  sound = control.caught === undefined;
  const what = sound ? "broke nothing" : `seed ${control.caught?.seed}: ${control.caught?.by}`;
  if (!values.json) console.log(`the code as it is, ${control.seeds} seeds: ${what}\n`);
}
if (!values.json) {
  const heads = [
    "mutant".padEnd(nameWidth),
    "what it breaks".padEnd(ruleWidth),
    "seeds",
    " CPU s",
    "caught by",
  ];
  console.log(heads.join("  "));
}
const rows: Row[] = [];
for (const { name, rule, file } of chosen) {
  const inCluster = file.startsWith("raft/")
    ? await huntInCluster(name, options.from, Number(values.histories))
    : undefined;
  const found = inCluster?.caught === undefined ? await hunt(name, options) : inCluster;
  const row: Row = { mutant: name, rule, ...found };
  rows.push(row);
  if (!values.json) console.log(told(row));
}
const needed = rows.filter(({ caught }) => caught !== undefined).map(({ seeds }) => seeds);
const medianSeeds = median(needed);
if (values.json) console.log(JSON.stringify({ options, control, rows, medianSeeds }, undefined, 2));
else console.log(`\ncaught ${needed.length} of ${rows.length}, median ${medianSeeds} seeds`);
process.exitCode = sound && needed.length === rows.length ? 0 : 3;
