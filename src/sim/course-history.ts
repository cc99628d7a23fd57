/**
 * One history of the published protocol: it lives through a seed's faults while few clients order little; then all is
 * repaired, everything is looked at once more, and what clients were told is judged as it is of our own system.
 */
import { type HistoryHeader, historyOf } from "../check/history.ts";
import type { Recording } from "../check/smallest.ts";
import type { MarketDefinition } from "../market/definition.ts";
import { type Charge, chargesOf, quantityOf, tellCharge } from "./course-charges.ts";
import { CourseCluster } from "./course-cluster.ts";
import { CourseNemesis } from "./course-nemesis.ts";
import { CourseShoppers, type CourseWish } from "./course-shoppers.ts";
import { judgeBySearch } from "./judge.ts";
import type { Schedule } from "./schedule.ts";
import type { Verdict } from "./task.ts";
import { PromiseBroken, World } from "./world.ts";

export interface CourseHistoryOptions {
  readonly seed: number;
  /** Virtual milliseconds until the faults end. */
  readonly ms: number;
  /** Without them there is also but one client: no two things happen at the same time. */
  readonly faults: boolean;
  readonly trace?: (line: string) => void;
}

/** What its clients were told is rejected; `charges` are those that are proven. */
export class Convicted extends PromiseBroken {
  override readonly name = "Convicted";
  readonly charges: readonly Charge[];

  constructor(message: string, { operations }: Recording, charges: readonly Charge[]) {
    super(message, operations);
    this.charges = charges;
  }
}

/** Of these each order takes another power of four: see course-charges.ts. */
const plenty = ["Lamp", "Rope", "Chair"];
const ordersOfEach = 6;
/** Of these there is one, which one client wants. */
const single = ["Vase", "Clock", "Globe", "Mirror"];
const clients = 3;

const definition: MarketDefinition = {
  name: "simulated",
  resource: "stocks",
  currency: "USD",
  sides: ["buy"],
  items: [
    ...plenty.map((name) => ({ name, priceMinor: 500, quantity: 10_000 })),
    ...single.map((name) => ({ name, priceMinor: 9_900, quantity: 1 })),
  ],
};

/** Every order of a history, in any order, within the time that faults last. */
function wishesOf(schedule: Schedule, ms: number): readonly CourseWish[] {
  const wish = (item: string, quantity: number): CourseWish => {
    return { item, quantity, dueMs: schedule.now + schedule.random() * 0.9 * ms };
  };
  const digits = Array.from({ length: ordersOfEach }, (_, digit) => digit);
  return [
    ...plenty.flatMap((item) => digits.map((digit) => wish(item, quantityOf(digit)))),
    ...single.map((item) => wish(item, 1)),
  ];
}

/** How long it may take until all is answered after the last fault. */
const wellMs = 60_000;
/** Everything that is still under way then has arrived, or its time is up. */
const restMs = 5_000;

class CourseHistory {
  readonly #options: CourseHistoryOptions;
  readonly #world: World;
  readonly #cluster: CourseCluster;
  readonly #shoppers: CourseShoppers;
  readonly #nemesis: CourseNemesis;

  constructor(options: CourseHistoryOptions) {
    this.#options = options;
    const { seed, trace } = options;
    this.#world = new World({ seed, trace, processes: () => this.#cluster.processes });
    const { schedule, network } = this.#world;
    this.#cluster = new CourseCluster(schedule, network, definition);
    this.#nemesis = new CourseNemesis(schedule, network, this.#cluster);
    this.#shoppers = new CourseShoppers({
      schedule,
      resource: definition.resource,
      items: definition.items.map(({ name }) => name),
      port: this.#cluster.frontendPort,
      ordering: () => this.#nemesis.strike(),
    });
  }

  async run(): Promise<Verdict> {
    try {
      return await this.#live();
    } catch (error) {
      if (error instanceof PromiseBroken) throw error;
      const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new PromiseBroken(told, this.#shoppers.history, error);
    } finally {
      this.#world.leave();
    }
  }

  async #live(): Promise<Verdict> {
    const { schedule } = this.#world;
    const { ms, faults } = this.#options;
    this.#cluster.start();
    await this.#until("all are ready", () => this.#cluster.isReady);
    const wishes = wishesOf(schedule, ms);
    const lanes = faults ? clients : 1;
    for (let lane = 0; lane < lanes; lane++) {
      this.#shoppers.start(wishes.filter((_, i) => i % lanes === lane));
    }
    if (faults) this.#nemesis.start();
    await schedule.run(schedule.now + ms);
    schedule.trace(() => "== the faults end");
    this.#nemesis.end();
    this.#shoppers.stop();
    await this.#until("all are ready again", () => this.#cluster.isReady);
    await this.#until("all is answered", () => !this.#shoppers.isBusy);
    await schedule.run(schedule.now + restMs);
    this.#shoppers.lookAtAll();
    await this.#until("everything is shown", () => !this.#shoppers.isBusy);
    this.#judge();
    return this.#verdict();
  }

  #until(what: string, condition: () => boolean): Promise<void> {
    return this.#world.until(what, wellMs, condition, () => this.#cluster.tellStatus());
  }

  #judge(): void {
    const initial = definition.items.map(({ name, quantity, priceMinor }) => {
      return { item: name, quantity, volume: 0, priceMinor };
    });
    const header: HistoryHeader = { complete: true, positions: false, initial };
    const operations = this.#shoppers.history;
    const whole = { header, operations };
    const { logs, taken } = this.#cluster;
    const charges = chargesOf(whole, { logs, taken });
    const wrong =
      charges.length > 0
        ? charges.map(tellCharge).join("\n\n")
        : judgeBySearch(historyOf(operations, header));
    if (wrong !== undefined) throw new Convicted(wrong, whole, charges);
  }

  #verdict(): Verdict {
    const { schedule } = this.#world;
    const { history, answeredAt } = this.#shoppers;
    const orders = history.filter(({ op, status }) => op === "order" && status === 200).length;
    const gaps = answeredAt.map((at, i) => at - (answeredAt[i - 1] ?? at));
    const gapMs = Math.max(0, ...gaps);
    return { hash: schedule.hash >>> 0, steps: schedule.steps, operations: history.length, orders, gapMs };
  }
}

/** Rejects with `Convicted` if what clients were told is not right. One at a time. */
export async function runCourseHistory(options: CourseHistoryOptions): Promise<Verdict> {
  return await new CourseHistory(options).run();
}
