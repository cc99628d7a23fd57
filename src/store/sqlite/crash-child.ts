/**
 * A process of the crash test: it appends the sample's entries without end, as fast as the store has room, and says on
 * stdout which index is durable, until it is killed.
 */
import { logIndex, term } from "../../base/units.ts";
import { sampleEntries } from "../sample.ts";
import { openSqliteStore } from "./store.ts";

const [dir = "", seed = ""] = process.argv.slice(2);
const { store } = await openSqliteStore({
  dir,
  identity: { cluster: "sample", replica: 1 },
  create: false,
  onFatal: (failure) => {
    throw failure;
  },
});
const entries = sampleEntries({ seed: Number(seed), ordersPerEntry: 3 });
// What the file has already is made again and skipped, as a replica replays its log.
for (let i = 0; i < store.flushed; i++) entries.next();
let reported = -1;
for (let index = store.flushed + 1; ; index++) {
  store.append(logIndex(index), term(1), entries.next().value);
  await store.room();
  // Let the writer's reports in.
  await new Promise((resolve) => setImmediate(resolve));
  if (store.flushed !== reported) {
    reported = store.flushed;
    process.stdout.write(`${reported}\n`);
  }
}
