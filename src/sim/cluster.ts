/**
 * The simulated system: every process that `up` would start, each on a machine of its own, with what the seed drew of
 * the options that an operator has.
 */
import { present } from "../base/assert.ts";
import type { OperatingFailure } from "../base/failure.ts";
import { startCatalog } from "../catalog/main.ts";
import { formatReplica, startOrder } from "../cli/order-process.ts";
import { startFrontend } from "../frontend/main.ts";
import type { MarketDefinition } from "../market/definition.ts";
import type {
  ClusterStatus,
  GroupMember,
  ProcessEvent,
  ProcessHost,
  RunningProcess,
  ServiceAddress,
} from "../wire/process.ts";
import { SimDisk } from "./disk.ts";
import { Invariants } from "./invariants.ts";
import { Machine } from "./machine.ts";
import { mount } from "./mounts.ts";
import { simulatedCluster } from "./net.ts";
import type { Network } from "./network.ts";
import { committedBy } from "./operator.ts";
import { SimProcess } from "./process.ts";
import { Reach } from "./reach.ts";
import type { Schedule } from "./schedule.ts";
import { type Sometimes, situationOf } from "./sometimes.ts";

/** An order replica, with the disk that outlives its processes. */
export interface OrderMachine {
  readonly id: number;
  readonly directory: string;
  /** Of its log. */
  readonly segmentBytes: number;
  readonly process: SimProcess;
  readonly disk: SimDisk;
  /** Something was done to its disk that may end its process, or keep it from starting. */
  diskFailed: boolean;
}

export interface ClusterEvents {
  /** A promise is broken: the history ends. */
  broken(error: Error): void;
  died(process: SimProcess, error: unknown): void;
  emitted(process: SimProcess, event: ProcessEvent): void;
}

const roles = { order: 1_000, catalog: 2_000, frontend: 3_000 } as const;
type Role = keyof typeof roles;

function address(role: Role, id: number): ServiceAddress {
  return { id, name: `${role}-${id}`, host: "simulated", port: roles[role] + id };
}

const numbered = (role: Role, count: number): ServiceAddress[] =>
  Array.from({ length: count }, (_, i) => address(role, i + 1));

/** Few units and few items, so that orders meet, and are refused. */
function definitionOf(schedule: Schedule): MarketDefinition {
  const quantity = (): number => schedule.pick([5, 30, 200]);
  return {
    name: "simulated",
    resource: "stocks",
    currency: "USD",
    sides: ["buy", "sell"],
    maxQuantity: 1_000,
    items: [
      { name: "Lamp", priceMinor: 500, quantity: quantity(), topic: "Home" },
      { name: "Rope", priceMinor: 150, quantity: quantity() },
      { name: "Chair", priceMinor: 9_900, quantity: quantity(), topic: "Home" },
      { name: "Kettle", priceMinor: 2_450, quantity: quantity() },
    ],
  };
}

/** What replicas say of themselves is compared so often. */
const lookMs = 500;

export class SimCluster {
  readonly definition: MarketDefinition;
  /** Every order replica that is to run, learners included. */
  get orders(): readonly OrderMachine[] {
    return this.#orders;
  }
  readonly #orders: OrderMachine[];
  /** Those that were there at the beginning. */
  readonly #founders: readonly number[];
  #addresses: readonly ServiceAddress[];
  #lastOrder: number;
  readonly #startOrder: (
    self: ServiceAddress,
    directory: string,
    host: ProcessHost,
  ) => Promise<RunningProcess>;
  /** The options of the log. */
  readonly #segmentBytes: number;
  readonly catalogs: readonly SimProcess[];
  readonly frontends: readonly SimProcess[];
  readonly frontendPorts: readonly number[];
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #sometimes: Sometimes;
  readonly #events: ClusterEvents;
  readonly #invariants: Invariants;
  readonly #reach: Reach;

  constructor(schedule: Schedule, network: Network, sometimes: Sometimes, events: ClusterEvents) {
    this.#schedule = schedule;
    this.#network = network;
    this.#sometimes = sometimes;
    this.#events = events;
    this.#invariants = new Invariants(events.broken);
    const market = definitionOf(schedule);
    this.definition = market;
    const founders = numbered("order", schedule.pick([3, 3, 3, 5]));
    this.#addresses = founders;
    this.#founders = founders.map(({ id }) => id);
    this.#lastOrder = founders.length;
    const catalogs = numbered("catalog", schedule.pick([0, 1, 2, 2]));
    const frontends = numbered("frontend", schedule.pick([1, 2, 2, 3]));
    const cache = schedule.pick([0, 2, 64, 64, 64]);
    const log = {
      segmentBytes: schedule.pick([8 * 1024, 16 * 1024, 64 * 1024, 1024 * 1024]),
      keptLogBytes: schedule.pick([0, 0, 64 * 1024, 1024 * 1024]),
    };
    const cluster = simulatedCluster;
    this.#segmentBytes = log.segmentBytes;
    this.#startOrder = (self, directory, host) => {
      const orders = this.#addresses;
      return startOrder({ role: "order", ...named(self), cluster, orders, directory, ...log, market }, host);
    };
    this.#orders = founders.map((self) => this.#order(self));
    this.#reach = new Reach(
      network,
      this.orders.map(({ process }) => process),
      events.broken,
    );
    this.catalogs = catalogs.map((self) =>
      this.#process(self, (host) =>
        startCatalog(
          { role: "catalog", ...named(self), cluster, orders: this.#addresses, listen: self },
          host,
        ),
      ),
    );
    const secret = "5a".repeat(32);
    this.frontends = frontends.map((self) =>
      this.#process(self, (host) => {
        const orders = this.#addresses;
        const config = { role: "frontend", ...named(self), cluster, orders, catalogs, listen: self } as const;
        return startFrontend({ ...config, cache, market, secret }, host);
      }),
    );
    this.frontendPorts = frontends.map(({ port }) => port);
  }

  get processes(): readonly SimProcess[] {
    return [...this.orders.map(({ process }) => process), ...this.catalogs, ...this.frontends];
  }

  /** An order replica's machine by its process. */
  orderOf(process: SimProcess): OrderMachine | undefined {
    return this.orders.find((order) => order.process === process);
  }

  /** Format the disks, as `up` does for a new market, and start everything. */
  async start(): Promise<void> {
    for (const order of this.orders) {
      let formatted = false;
      this.#format(order, this.#founders, () => {
        formatted = true;
      });
      while (!formatted) await this.#schedule.run(this.#schedule.now + 10);
    }
    for (const process of this.processes) this.startProcess(process);
    this.#look();
  }

  #look(): void {
    for (const order of this.orders) {
      this.#invariants.look(order.process);
      this.#invariants.lookAtDisk(order);
    }
    if (this.#lastOrder === this.#founders.length) this.#reach.look();
    this.#schedule.after(lookMs, () => this.#look());
  }

  startProcess(process: SimProcess): void {
    if (process.machine.isRunning || !process.machine.hasPower) return;
    const order = this.orderOf(process);
    if (order !== undefined) this.#invariants.lookAtDisk(order);
    order?.disk.start();
    process.start();
  }

  kill(process: SimProcess): void {
    if (!process.machine.isRunning) return;
    process.kill();
    const order = this.orderOf(process);
    order?.disk.die();
    if (order !== undefined) order.diskFailed = false;
  }

  /** The machine stops at once: what its disk had not synced may be lost, and nobody hears of it. */
  losePower(process: SimProcess): void {
    const { machine } = process;
    if (!machine.hasPower) return;
    machine.hasPower = false;
    process.kill();
    const order = this.orderOf(process);
    order?.disk.losePower();
    if (order !== undefined) order.diskFailed = false;
  }

  status(): ClusterStatus {
    const processes = this.processes.map(({ name, machine, running }) => ({
      name,
      role: name.split("-")[0] as Role,
      id: Number(name.split("-")[1]),
      pid: 1,
      address: "simulated",
      port: 0,
      up: running !== undefined,
      life: machine.isRunning ? ("ready" as const) : ("down" as const),
      restarts: 0,
    }));
    return { market: "simulated", resource: "stocks", engine: "embedded", leader: null, term: 0, processes };
  }

  /** A replica that there never was, with an empty disk: it runs, and everyone knows where, when `ready` is called. */
  addOrder(ready: (order: OrderMachine) => void): void {
    const self = address("order", ++this.#lastOrder);
    const order = this.#order(self);
    this.#format(order, [], () => {
      this.#orders.push(order);
      this.#addresses = [...this.#addresses, self];
      this.startProcess(order.process);
      this.#tellReplicas();
      ready(order);
    });
  }

  /** It is no member any more: it is stopped, and everyone is told. */
  removeOrder(order: OrderMachine): void {
    this.kill(order.process);
    this.#orders.splice(this.#orders.indexOf(order), 1);
    this.#addresses = this.#addresses.filter(({ id }) => id !== order.id);
    this.#tellReplicas();
  }

  addressOf({ id }: OrderMachine): ServiceAddress {
    return present(
      this.#addresses.find((one) => one.id === id),
      `the address of order replica ${id}`,
    );
  }

  /** As the leader's log says; undefined: nobody leads, or it is not committed. */
  committedMembers(): readonly GroupMember[] | undefined {
    return committedBy(this.#orders.map(({ process: { running } }) => running?.status()));
  }

  #tellReplicas(): void {
    const addresses = this.#addresses;
    for (const process of this.processes) {
      this.#schedule.for(process.machine, 0, "input", () => process.tellReplicas(addresses));
    }
  }

  #format(
    { id, directory, segmentBytes, process: { machine }, disk }: OrderMachine,
    founders: readonly number[],
    formatted: () => void,
  ): void {
    const schedule = this.#schedule;
    machine.begin();
    disk.start();
    schedule.for(machine, 0, "input", () => {
      formatReplica(directory, { cluster: simulatedCluster, replica: id, founders }, segmentBytes).then(
        () => {
          machine.end();
          disk.die();
          schedule.after(0, formatted);
        },
        (error) => schedule.fail(error),
      );
    });
  }

  #order(self: ServiceAddress): OrderMachine {
    const schedule = this.#schedule;
    const directory = `/${self.name}`;
    const segmentBytes = this.#segmentBytes;
    const process = this.#process(self, (host) => this.#startOrder(self, directory, host));
    const { machine } = process;
    const disk = new SimDisk({
      random: schedule.random,
      after: (ms, done) => void schedule.for(machine, ms, "input", done),
      worldAfter: (ms, done) => void schedule.after(ms, done),
    });
    // One slow disk among quick ones is where what is durable on one is not yet on another.
    disk.latency.syncMs *= schedule.pick([1, 1, 1, 1, 10, 40]);
    mount(directory, disk);
    return { id: self.id, directory, segmentBytes, process, disk, diskFailed: false };
  }

  #process(self: ServiceAddress, run: (host: ProcessHost) => Promise<RunningProcess>): SimProcess {
    const schedule = this.#schedule;
    // No two clocks' rates differ by more than leases allow.
    const machine = new Machine(schedule, { name: self.name, rate: 1 + 0.045 * (2 * schedule.random() - 1) });
    this.#network.ports.set(self.port, machine);
    return new SimProcess(
      machine,
      this.#network,
      {
        emitted: (process, event) => this.#emitted(process, event),
        died: (process, error) => {
          this.orderOf(process)?.disk.die();
          this.#events.died(process, error);
        },
        refused: (process, error) => this.#refused(process, error),
        cluster: () => this.status(),
      },
      run,
    );
  }

  #emitted(process: SimProcess, event: ProcessEvent): void {
    this.#schedule.trace(() => `${process.name} ${tell(event)}`);
    const seen = situationOf(event);
    if (seen !== undefined) this.#sometimes.saw(seen);
    if (event.kind === "state-changed" && event.state === "leader") this.#leads(process, event.term);
    this.#events.emitted(process, event);
  }

  #leads(process: SimProcess, term: number): void {
    this.#invariants.leads(process, term);
    if (this.orders.filter(({ process: { running } }) => running?.status().state === "leader").length > 1) {
      this.#sometimes.saw("two leaders at once, of different terms");
    }
  }

  #refused(process: SimProcess, error: OperatingFailure): void {
    this.orderOf(process)?.disk.die();
    this.#events.broken(new Error(`${process.name} cannot be started: ${error.message}`));
  }
}

const named = ({ name, id }: ServiceAddress) => ({ name, id });

function tell({ kind, ...facts }: ProcessEvent): string {
  const told = Object.entries(facts).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [`*${kind}*`, ...told].join(" ");
}
