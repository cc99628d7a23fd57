/**
 * Does what the schedule says to the processes of a market, and undoes it. Whom a fault means is found out when it
 * strikes: who leads then, which follower runs. A fault that finds nobody to strike is passed over, and that is told.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { present, unreachable } from "../base/assert.ts";
import { integerBetween, type Random, seededRandom } from "../base/random.ts";
import { monotonicNs } from "../client/clock.ts";
import type { ClusterStatus } from "../wire/process.ts";
import { FailedSync } from "./failed-sync.ts";
import { factsOf } from "./fault-kinds.ts";
import type { Happenings } from "./happenings.ts";
import { type LinkFaultKind, planLinks } from "./links.ts";
import { flipBit, loseDisk, openLogFile, tearLog } from "./log-damage.ts";
import type { OwnMarket, ProcessRow } from "./own-market.ts";
import { minorityOf, type PlannedFault } from "./schedule.ts";
import { Signals } from "./signals.ts";
import type { SmallDisk } from "./small-disk.ts";
import { NoVictim, strikesProcesses, victimsOf } from "./victims.ts";
import { soon, until } from "./wait.ts";
import type { WallClock } from "./wall-clock.ts";

/** What some faults need besides the market. */
export interface Instruments {
  /** By replica; empty if its disks are the machine's own. */
  readonly disks: ReadonlyMap<string, SmallDisk>;
  readonly clock: WallClock | undefined;
}

export interface Injected {
  readonly kind: PlannedFault["kind"];
  /** What was done, and to whom. */
  readonly words: string;
  /** Nanoseconds of the history's clock. */
  readonly from: number;
  readonly to: number;
  /** Whether it struck who led then. */
  readonly leader: boolean;
}

export interface PassedOver {
  readonly kind: PlannedFault["kind"];
  readonly why: string;
}

const downWithinMs = 10_000;
const recoveredWithinMs = 10_000;
const restartWithinMs = 30_000;
const handOverWithinMs = 20_000;
const otherLeaderWithinMs = 10_000;
const heldMsMax = 1_500;
const struckMsMax = 1_500;
const leftBytesMax = 256 * 1024;

/** Who a fault strikes, as things are. */
interface Struck {
  readonly rows: readonly ProcessRow[];
  readonly cluster: ClusterStatus;
  readonly random: Random;
  readonly lastsMs: number;
}

export class Injector {
  readonly #market: OwnMarket;
  readonly #happenings: Happenings;
  readonly #instruments: Instruments;
  readonly #signals: Signals;
  /** Held down, stopped or traced at present: not to be struck again. */
  readonly #busy = new Set<string>();
  /** Whose disks were harmed since all were whole. */
  readonly #harmed = new Set<string>();

  constructor(market: OwnMarket, happenings: Happenings, instruments: Instruments) {
    this.#market = market;
    this.#happenings = happenings;
    this.#instruments = instruments;
    this.#signals = new Signals(market, happenings);
  }

  /** Resolves when the fault is over, or found nobody. What follows from it may go on. */
  async inject(fault: PlannedFault): Promise<Injected | PassedOver> {
    const { kind, target, lastsMs } = fault;
    const random = seededRandom(fault.seed);
    let mine: readonly string[] = [];
    try {
      const cluster = await this.#market.status();
      const rows = victimsOf(target, cluster, this.#busy, random);
      mine = strikesProcesses(target) && kind !== "rolling-restart" ? rows.map(({ name }) => name) : [];
      for (const name of mine) this.#busy.add(name);
      const from = monotonicNs();
      const done = await this.#strike(kind, { rows, cluster, random, lastsMs });
      const leader = rows.some(({ name }) => name === cluster.leader) && kind !== "clock-jump";
      const named = rows.map((row) => (row.name === cluster.leader ? `${row.name} (leads)` : row.name));
      const words = `${factsOf(kind).words}: ${named.join(", ")}${done === "" ? "" : `; ${done}`}`;
      return { kind, words, from, to: monotonicNs(), leader };
    } catch (error) {
      if (error instanceof NoVictim) return { kind, why: error.message };
      throw error;
    } finally {
      for (const name of mine) this.#busy.delete(name);
    }
  }

  /** All replicas were seen to be whole. */
  settled(): void {
    this.#harmed.clear();
  }

  /** Undo whatever is left: everybody runs, every link carries, every disk has room, the clock is right. */
  async mend(): Promise<void> {
    for (const disk of this.#instruments.disks.values()) disk.free();
    this.#instruments.clock?.set(0);
    const { processes } = await this.#market.status();
    this.#market.signal("SIGCONT", processes);
    await this.#market.ask({ verb: "heal" });
    for (const { name, life } of processes) {
      if (life === "down" || life === "failed") {
        // It may be about to start by itself.
        await this.#market.ask({ verb: "start", name }).catch(() => undefined);
      }
    }
  }

  /** Returns what there is to be told beyond the kind and the names. */
  async #strike(kind: PlannedFault["kind"], struck: Struck): Promise<string> {
    const { rows, random, lastsMs } = struck;
    switch (kind) {
      case "kill-leader":
      case "kill-follower":
      case "kill-front-end":
      case "kill-catalog":
      case "kill-several":
      case "kill-all":
        this.#signals.kill(rows);
        return "";
      case "kill-unseen":
        await this.#signals.killUnseen(rows, lastsMs);
        return `${lastsMs} ms`;
      case "pause-leader":
      case "pause-follower":
      case "pause-front-end":
      case "pause-catalog":
      case "pause-several":
        await this.#signals.pause(rows, lastsMs);
        return `${lastsMs} ms`;
      case "stutter":
        await this.#signals.stutter(rows, random, lastsMs);
        return `${lastsMs} ms`;
      case "cut-link":
      case "cut-one-way":
      case "isolate":
      case "isolate-one-way":
      case "slow-links":
      case "lossy-links":
        return await this.#ailLinks(kind, struck);
      case "failed-sync":
        return await this.#failSync(present(rows[0], "a replica"), random, lastsMs);
      case "full-disk":
        return await this.#fillDisks(rows, random, lastsMs);
      case "flipped-bit":
        return await this.#harm(present(rows[0], "a replica"), random, flipBit);
      case "torn-log":
        return await this.#harm(present(rows[0], "a replica"), random, tearLog);
      case "lost-disk":
        return await this.#harm(present(rows[0], "a replica"), random, (replica, chosen) => {
          return loseDisk(replica, chosen) + (this.#instruments.clock?.catchUp() ?? "");
        });
      case "clock-jump":
        return present(this.#instruments.clock, "a clock").jump(random);
      case "rolling-restart":
        return await this.#restartInTurn(rows);
      case "hand-over":
        return await this.#handOver(struck);
      default:
        return unreachable(kind);
    }
  }

  async #ailLinks(kind: LinkFaultKind, { rows, cluster, random, lastsMs }: Struck): Promise<string> {
    const { name } = present(rows[0], "a replica");
    const others = cluster.processes.map((row) => row.name).filter((other) => other !== name);
    const { words, cuts, slow } = planLinks(kind, name, others, random);
    try {
      for (const { from, to } of cuts) {
        await this.#market.ask({ verb: "cut", a: from, b: to, oneWay: true });
      }
      if (slow !== undefined) await this.#market.ask({ verb: "slow", name, ...slow });
      await sleep(lastsMs);
    } finally {
      await this.#market.ask({ verb: "heal" });
    }
    return `${words}, for ${lastsMs} ms`;
  }

  async #failSync(row: ProcessRow, random: Random, withinMs: number): Promise<string> {
    const pid = present(row.pid, "a pid");
    const directory = this.#market.replicaDirectory(row.name);
    const isLog = random() < 0.7;
    const path = isLog ? openLogFile(directory) : `${directory}/orders.sqlite-wal`;
    this.#happenings.doom(pid);
    let failing: FailedSync;
    try {
      failing = await FailedSync.attach(pid, path);
    } catch {
      throw new NoVictim(`${row.name} ended before its sync could fail`);
    }
    const ended = this.#happenings.next(
      ({ process: name, event }) => name === row.name && event.kind === "process-exited",
      withinMs,
    );
    try {
      const what = isLog ? "its log" : "its database";
      return (await ended) === undefined ? `${what} was not synced in time` : `of ${what}`;
    } finally {
      await failing.close();
    }
  }

  async #fillDisks(rows: readonly ProcessRow[], random: Random, ms: number): Promise<string> {
    const disks = rows.map(({ name }) => present(this.#instruments.disks.get(name), "a disk of its own"));
    const left = random() < 0.7 ? 0 : integerBetween(random, 0, leftBytesMax);
    for (const disk of disks) disk.fill(left);
    try {
      await sleep(ms);
    } finally {
      for (const disk of disks) disk.free();
    }
    return `${left} bytes left for ${ms} ms`;
  }

  /** Held down while its disk is harmed; never so that more than a minority are harmed, or recover yet, at a time. */
  async #harm(
    { name }: ProcessRow,
    random: Random,
    damage: (replica: string, random: Random) => string,
  ): Promise<string> {
    const isBearable = await soon(async () => {
      const replicas = (await this.#market.status()).processes.filter(({ role }) => role === "order");
      const recovering = replicas.filter(({ state }) => state === "recovering").map((row) => row.name);
      return new Set([...recovering, ...this.#harmed, name]).size <= minorityOf(replicas.length);
    }, recoveredWithinMs);
    if (!isBearable) throw new NoVictim("a minority has been harmed already");
    this.#harmed.add(name);
    await this.#market.ask({ verb: "kill", name, stayDown: true });
    try {
      const isDown = async (): Promise<boolean> => {
        const { processes } = await this.#market.status();
        return processes.some((row) => row.name === name && row.life === "down" && row.pid === null);
      };
      await until(`${name} to be down`, isDown, downWithinMs);
      const what = damage(this.#market.replicaDirectory(name), random);
      await sleep(random() * heldMsMax);
      return what;
    } finally {
      await this.#market.ask({ verb: "start", name });
    }
  }

  /** In order (SIGTERM), each when the one before is back. */
  async #restartInTurn(rows: readonly ProcessRow[]): Promise<string> {
    for (const row of rows) {
      const { name, pid } = row;
      if (pid === null || this.#busy.has(name)) continue;
      this.#busy.add(name);
      try {
        this.#happenings.doom(pid);
        this.#market.signal("SIGTERM", [row]);
        await soon(async () => {
          const { processes } = await this.#market.status();
          return processes.some((now) => {
            const follows = now.role !== "order" || now.state === "follower" || now.state === "leader";
            return now.name === name && now.up && now.pid !== pid && follows;
          });
        }, restartWithinMs);
      } finally {
        this.#busy.delete(name);
      }
    }
    return "";
  }

  /** The highest id loses leadership by standing still, and gets it back by a transfer, in which one of the two is struck. */
  async #handOver({ cluster, random }: Struck): Promise<string> {
    const replicas = cluster.processes.filter(({ role }) => role === "order");
    const heir = present(replicas.at(-1), "a replica");
    const transferred = this.#happenings.next(
      ({ event }) => event.kind === "leadership-transferred" && event.to === heir.id,
      handOverWithinMs,
    );
    if (cluster.leader === heir.name) {
      this.#market.signal("SIGSTOP", [heir]);
      try {
        await soon(async () => {
          const { leader } = await this.#market.status();
          return leader !== null && leader !== heir.name;
        }, otherLeaderWithinMs);
      } finally {
        this.#market.signal("SIGCONT", [heir]);
      }
    }
    const happened = await transferred;
    if (happened === undefined) return `${heir.name} was not handed it in time`;
    const giver = present(
      (await this.#market.status()).processes.find(({ name }) => name === happened.process),
      "who handed it over",
    );
    const one = random() < 0.5 ? heir : giver;
    const how = integerBetween(random, 0, 2);
    if (how === 0) this.#signals.kill([one]);
    if (how === 1) await this.#signals.pause([one], random() * struckMsMax);
    const struck = how === 2 ? "nobody struck" : `${one.name} ${how === 0 ? "killed" : "stopped"} then`;
    return `from ${giver.name} to ${heir.name}, ${struck}`;
  }
}
