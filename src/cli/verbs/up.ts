/** `up`: start everything, say where it is, run until Ctrl-C or `down`. */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { present } from "../../base/assert.ts";
import { builtinMarkets } from "../../market/builtin.ts";
import { writeDurably } from "../../supervisor/durable-file.ts";
import { type RunningSystem, startSystem } from "../../supervisor/system.ts";
import type { TimelineEvent } from "../../supervisor/timeline.ts";
import type { ServiceAddress } from "../../wire/process.ts";
import { courseShape, courseWarning, formatCourseReplica } from "../course-up.ts";
import { eventWords } from "../event-words.ts";
import { type ExitCode, exitCodes } from "../exit.ts";
import { chooseMarket } from "../market-choice.ts";
import type { FlagsOf } from "../verbs.ts";

/**
 * V8 lets the young generation of a busy process grow to some hundred megabytes; with this bound a replica's memory
 * is flat from the start (231 instead of 360 MiB after two million orders), and throughput is the same.
 */
const youngGeneration = "--max-semi-space-size=8";
/** Node says that stripping types by hand is new; see store/sqlite/thread.ts. */
const quiet = "--disable-warning=ExperimentalWarning";

const bytesPerMebibyte = 1024 * 1024;

const entry = fileURLToPath(new URL("../../../bin/bazaar.mjs", import.meta.url));
const defaultOrders = 3;
/** Say what is being waited for if the start takes longer. */
const slowStartMs = 5_000;
const interruptedCode = 130;
const leaderWithinMs = 5_000;
const leaderPollMs = 10;

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Other machines can reach us: what changes things then needs a token. One is made if none was given. */
function chooseToken(directory: string, host: string): string | undefined {
  const given = process.env.BAZAAR_TOKEN;
  if (given !== undefined && given !== "") return given;
  if (isLoopback(host)) return undefined;
  const path = join(directory, "token");
  let token: string | undefined;
  try {
    token = readFileSync(path, "utf8").trim();
  } catch {
    // None was made yet.
  }
  if (token === undefined || token === "") {
    token = randomBytes(24).toString("base64url");
    writeDurably(path, `${token}\n`);
  }
  process.stderr.write(
    `Listening beyond this machine: guarded routes need the token in ${path} (or set BAZAAR_TOKEN).\n`,
  );
  return token;
}

const say = (line: string): boolean => process.stderr.write(`${line}\n`);

/** What an operator must know of, in words for whoever sits at the terminal. */
function tell({ process: name, event }: TimelineEvent): void {
  switch (event.kind) {
    case "process-exited":
      if (!event.wanted) say(`${name} ${eventWords(event)}`);
      return;
    case "process-failed":
      say(`\n*** ${name} FAILED and is not started again until \`start ${name}\`. ***\n${event.message}\n`);
      return;
    case "recovery-started":
    case "recovery-finished":
    case "snapshot-installed":
    case "disk-full":
    case "disk-freed":
    case "warning":
      say(`${name}: ${eventWords(event)}`);
      return;
    default:
    // The rest is for `watch`.
  }
}

function describe(system: RunningSystem, directory: string): void {
  const { market } = system.opened.file;
  const { orders, catalogs, frontends } = system.layout;
  const ports = (services: readonly ServiceAddress[]): string =>
    services.length === 0 ? "none" : services.map(({ name, port }) => `${name} ${port}`).join(", ");
  process.stdout.write(
    `market      ${market.name}: ${market.items.length} items, ${market.sides.join(" and ")}\n` +
      `data        ${directory}\n` +
      `orders      ${ports(orders)}\n` +
      `catalogs    ${ports(catalogs)}\n` +
      `front-ends  ${ports(frontends)}\n`,
  );
}

/** "Ready" is said when an order can be placed, but not later than this: the rest may be failing. */
async function leaderKnown(system: RunningSystem): Promise<void> {
  const until = performance.now() + leaderWithinMs;
  while (performance.now() < until) {
    if ((await system.supervisor.status()).leader !== null) return;
    await sleep(leaderPollMs);
  }
  say("No order replica leads yet; orders are refused until one does.");
}

async function announceReady(system: RunningSystem): Promise<void> {
  const { supervisor } = system;
  const slow = setTimeout(() => {
    const waiting = supervisor.names.filter((name) => supervisor.process(name)?.life !== "ready");
    say(`Still waiting for ${waiting.join(", ")}; their logs are in the data directory's logs/.`);
  }, slowStartMs);
  await supervisor.started;
  await leaderKnown(system);
  clearTimeout(slow);
  const failed = supervisor.names.filter((name) => supervisor.process(name)?.life === "failed");
  const { market } = system.opened.file;
  const [item] = market.items;
  const seconds = (performance.now() / 1_000).toFixed(1);
  const but = failed.length === 0 ? "" : ` without ${failed.join(", ")}`;
  process.stdout.write(`ready in ${seconds} s${but}: ${system.url}\n`);
  if (item !== undefined) {
    process.stdout.write(
      `try         curl ${system.url}/${market.resource}/${encodeURIComponent(item.name)}\n`,
    );
  }
}

/** The first interrupt stops everything in order, the second at once. */
function onInterrupt(stop: () => Promise<void>, starting: Promise<RunningSystem>): void {
  let interrupts = 0;
  const interrupt = (): void => {
    interrupts++;
    if (interrupts === 1) {
      void stop();
      return;
    }
    say("killing everything");
    process.exitCode = interruptedCode;
    // If it is still starting, the processes end with their channels.
    void starting.then(
      (system) => system.supervisor.killAll(),
      () => process.exit(interruptedCode),
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, interrupt);
}

export async function up(flags: FlagsOf<"up">): Promise<ExitCode> {
  const directory = resolve(flags.data);
  const market = flags.market === undefined ? undefined : chooseMarket(flags.market);
  const isCourse = flags.log === "course";
  const shape = isCourse ? courseShape(flags) : { frontends: flags.frontends, catalogs: flags.catalogs };
  const { lockDirectory } = await import("../../store/sqlite/directory-lock.ts");
  const { setStoreAside } = await import("../../store/sqlite/damage.ts");
  const segmentBytes = Math.round(flags["log-segment"] * bytesPerMebibyte);
  const ended = Promise.withResolvers<ExitCode>();
  const stop = async (): Promise<void> => {
    say("stopping");
    const running = await starting.catch(() => undefined);
    await running?.stop();
    // The reply to `down` leaves before the socket is closed.
    setImmediate(() => ended.resolve(exitCodes.ok));
  };
  const starting = startSystem(
    {
      directory,
      host: flags.host,
      port: flags.port,
      wanted: {
        engine: flags.log,
        ...(flags.orders !== undefined && { orders: Number(flags.orders) }),
        ...(market !== undefined && { market }),
      },
      shape: {
        ...shape,
        cache: flags.cache,
        keptLogBytes: Math.round(flags["log-keep"] * bytesPerMebibyte),
        segmentBytes,
      },
      defaults: {
        orders: defaultOrders,
        market: present(builtinMarkets.get("stocks"), "the default market"),
      },
      token: () => chooseToken(directory, flags.host),
      command: [process.execPath, youngGeneration, quiet, entry],
      lock: lockDirectory,
      setStoreAside: (replica) => setStoreAside(replica)?.file,
      format: async (replica, identity) => {
        if (isCourse) return await formatCourseReplica(replica);
        await (await import("../order-process.ts")).formatReplica(replica, identity, segmentBytes);
      },
      timeline: tell,
    },
    stop,
  );
  onInterrupt(stop, starting);
  const system = await starting;
  describe(system, directory);
  if (isCourse) say(courseWarning);
  void announceReady(system);
  const code = await ended.promise;
  await system.close();
  say("stopped");
  process.exit(process.exitCode ?? code);
}
