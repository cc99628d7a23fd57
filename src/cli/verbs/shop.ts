/** `shop`: be clients of a running system, ours by its data directory or any by its URL, and verify what it says. */
import { resolve } from "node:path";
import { ClientFailure } from "../../client/failure.ts";
import { shop as runShop } from "../../shopper/main.ts";
import type { ShopOptions } from "../../shopper/options.ts";
import { shopExitCode } from "../../shopper/report.ts";
import { NotRunning, readSupervisorFile } from "../../supervisor/control-client.ts";
import { CommandFailure, type ExitCode, exitCodes, usageFailure } from "../exit.ts";
import type { FlagsOf } from "../verbs.ts";

function urlOf(flags: FlagsOf<"shop">): string {
  if (flags.url !== undefined) {
    const url = URL.canParse(flags.url) ? new URL(flags.url) : undefined;
    if (url?.protocol !== "http:") throw usageFailure("--url must be like http://127.0.0.1:8000.");
    return flags.url;
  }
  const running = readSupervisorFile(resolve(flags.data));
  if (running === undefined) throw new NotRunning(`Nothing is running in ${resolve(flags.data)}.`);
  return running.url;
}

function quantityOf(text: string): ShopOptions["quantity"] {
  const match = /^(\d{1,7})(?:\.\.(\d{1,7}))?$/.exec(text);
  const low = Number(match?.[1]);
  const high = Number(match?.[2] ?? match?.[1]);
  if (match === null || low < 1 || high < low) {
    throw usageFailure("--quantity must be a number or a range such as 1..10, from 1.");
  }
  return { low, high };
}

function itemsOf(text: string): ShopOptions["items"] {
  if (text === "uniform" || text === "zipf") return text;
  const names = text.split(",").map((name) => name.trim());
  if (names.includes("")) throw usageFailure("--items must be uniform, zipf or names separated by commas.");
  return names;
}

function optionsOf(flags: FlagsOf<"shop">): Partial<ShopOptions> {
  const { clients, p, iterations, seconds, rate, seed, sides, mode, record, alone } = flags;
  if (iterations !== undefined && seconds !== undefined) {
    throw usageFailure("--iterations and --seconds exclude each other.", "Leave one of them out.");
  }
  const token = process.env.BAZAAR_TOKEN;
  return {
    url: urlOf(flags),
    token: token === "" ? undefined : token,
    clients,
    p,
    iterations,
    seconds,
    rate,
    seed,
    sides,
    quantity: quantityOf(flags.quantity),
    items: itemsOf(flags.items),
    mode,
    record,
    alone,
  };
}

export async function shop(flags: FlagsOf<"shop">): Promise<ExitCode> {
  const options = optionsOf(flags);
  try {
    const report = await runShop(
      { ...options, json: flags.json },
      { data: (text) => process.stdout.write(text), progress: (text) => process.stderr.write(text) },
    );
    return shopExitCode(report);
  } catch (error) {
    // The shop's own words for options that do not fit the market.
    if (error instanceof RangeError) throw usageFailure(`${error.message}.`);
    if (error instanceof ClientFailure) {
      throw new CommandFailure(exitCodes.unreachable, `${options.url} cannot be reached: ${error.message}`);
    }
    throw error;
  }
}
