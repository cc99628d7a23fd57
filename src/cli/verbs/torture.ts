/** `torture`: start a market, break it on purpose while it is at work, and judge all that its clients saw. */
import { chooseFaults } from "../../torture/fault-kinds.ts";
import { newSeed, torture as run } from "../../torture/main.ts";
import { formatTorture, tortureExitCode } from "../../torture/report.ts";
import { type ExitCode, usageFailure } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

export async function torture(flags: FlagsOf<"torture">): Promise<ExitCode> {
  const chosen = chooseFaults(flags.faults);
  if ("unknown" in chosen) {
    throw usageFailure(`There is no fault ${chosen.unknown}.`, "See `torture --help` for their names.");
  }
  const { seconds, clients, rate, frontends, catalogs, record } = flags;
  const shape = { orders: Number(flags.orders), frontends, catalogs };
  const seed = flags.seed ?? newSeed();
  const options = { ...shape, seconds, clients, rate, seed, kinds: chosen.kinds };
  // Told to end, it ends its faults, judges what it has seen, and leaves nothing behind.
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());
  const report = await run(
    record === undefined ? options : { ...options, record },
    (line) => process.stderr.write(`${line}\n`),
    ending.signal,
  );
  process.stdout.write(flags.json ? `${JSON.stringify(report, undefined, 2)}\n` : formatTorture(report));
  return tortureExitCode(report);
}
