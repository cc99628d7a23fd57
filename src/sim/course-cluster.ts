/**
 * The published protocol (course/) as `up --log course` starts it: a catalog, three order replicas and a front-end, each
 * on a machine of its own. It is unsafe, and here to be convicted by what tries our own system.
 */
import { startCourseCatalog } from "../course/catalog.ts";
import { startCourseFrontend } from "../course/frontend.ts";
import type { CourseItem, CourseOrder } from "../course/messages.ts";
import { startCourseOrder } from "../course/order.ts";
import { readLines } from "../course/order-file.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type { ClusterStatus, ProcessHost, RunningProcess, ServiceAddress } from "../wire/process.ts";
import { Machine } from "./machine.ts";
import { simulatedCluster } from "./net.ts";
import type { Network } from "./network.ts";
import { SimProcess } from "./process.ts";
import type { Schedule } from "./schedule.ts";
import { textAt } from "./text-files.ts";

const at = (name: string, id: number, port: number): ServiceAddress => ({
  id,
  name,
  host: "simulated",
  port,
});
const orderAddresses = [1, 2, 3].map((id) => at(`order-${id}`, id, 1_000 + id));
const catalogAddress = at("catalog-1", 1, 2_001);
const frontendAddress = at("frontend-1", 1, 3_001);

const directoryOf = (name: string): string => `/${name}`;

export class CourseCluster {
  readonly definition: MarketDefinition;
  readonly orders: readonly SimProcess[];
  readonly catalog: SimProcess;
  readonly frontend: SimProcess;
  readonly frontendPort = frontendAddress.port;
  readonly #schedule: Schedule;
  readonly #network: Network;

  constructor(schedule: Schedule, network: Network, definition: MarketDefinition) {
    this.#schedule = schedule;
    this.#network = network;
    this.definition = definition;
    const common = { log: "course", cluster: simulatedCluster } as const;
    const [orders, catalog, market] = [orderAddresses, catalogAddress, definition];
    this.orders = orders.map((self) => {
      const directory = directoryOf(self.name);
      const config = { ...common, role: "order", name: self.name, id: self.id, orders, catalog } as const;
      return this.#process(self, (host) => startCourseOrder({ ...config, directory }, host));
    });
    this.catalog = this.#process(catalog, (host) => {
      const { name, id } = catalog;
      const config = { ...common, role: "catalog", name, id, listen: catalog, market } as const;
      return startCourseCatalog({ ...config, directory: directoryOf(name) }, host);
    });
    // Without a cache its clients see what it does to the stock; with one, also what a cache adds.
    const cache = schedule.pick([0, 8]);
    this.frontend = this.#process(frontendAddress, (host) => {
      const { name, id } = frontendAddress;
      const config = { ...common, role: "frontend", name, id, orders, catalog } as const;
      return startCourseFrontend({ ...config, listen: frontendAddress, cache, market }, host);
    });
  }

  get processes(): readonly SimProcess[] {
    return [...this.orders, this.catalog, this.frontend];
  }

  get isReady(): boolean {
    return this.processes.every((process) => process.isReady);
  }

  /** Whom the front-end takes for the leader. */
  get leader(): SimProcess | undefined {
    const leader = this.frontend.running?.status().leader;
    return leader === undefined ? undefined : this.orders[leader - 1];
  }

  start(): void {
    for (const process of this.processes) process.start();
  }

  /** What each order replica's file holds. */
  get logs(): readonly (readonly CourseOrder[])[] {
    return this.orders.map(
      ({ name }) => readLines<CourseOrder>(textAt(`${directoryOf(name)}/orders.log`) ?? "").lines,
    );
  }

  /** Units of each item that were taken, as the catalog's file has it. */
  get taken(): ReadonlyMap<string, number> {
    const text = textAt(`${directoryOf(this.catalog.name)}/stock.json`) ?? "";
    const [items = []] = readLines<readonly CourseItem[]>(text).lines;
    return new Map(items.map(({ name, volume }) => [name, volume]));
  }

  tellStatus(): string {
    return this.processes
      .map(({ name, machine, running }) => {
        const { rssBytes: _, ...status } = running?.status() ?? { rssBytes: 0 };
        return `${name} life ${machine.life} ${machine.isRunning ? "" : "down "}${JSON.stringify(status)}`;
      })
      .join("\n");
  }

  #process(self: ServiceAddress, run: (host: ProcessHost) => Promise<RunningProcess>): SimProcess {
    const schedule = this.#schedule;
    const machine = new Machine(schedule, { name: self.name, rate: 1 + 0.045 * (2 * schedule.random() - 1) });
    this.#network.ports.set(self.port, machine);
    const events = {
      emitted: () => {},
      died: (_: SimProcess, error: unknown) => schedule.fail(error),
      refused: (_: SimProcess, error: unknown) => schedule.fail(error),
      cluster: () => this.#status(),
    };
    return new SimProcess(machine, this.#network, events, run);
  }

  #status(): ClusterStatus {
    return {
      market: "simulated",
      resource: "stocks",
      engine: "course",
      leader: null,
      term: 0,
      processes: [],
    };
  }
}
