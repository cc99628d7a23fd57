/** One assault, on the port that is named, until its input ends; then it says how much it did. */
import { assaults } from "./assaults.ts";

const [name, port] = process.argv.slice(2);
const assault = assaults.find((one) => one.name === name);
if (assault === undefined) throw new Error(`no assault ${name}`);
const stop = new AbortController();
let count = 0;
process.stdin.resume().once("end", () => stop.abort());
await assault.run(Number(port), stop.signal, () => {
  count++;
});
process.stdout.write(`${count}`, () => process.exit());
