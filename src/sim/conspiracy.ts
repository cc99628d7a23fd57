/**
 * A plot against whatever rests on majorities that overlap: some replicas are cut off and fall behind; of those that hold
 * what these lack, one forgets something, or merely restarts; the rest of them go away, and those that lag come back. Each
 * of these faults alone is frequent, but hardly ever do they fall in this order within a second.
 */
import type { OrderMachine } from "./cluster.ts";
import type { Network } from "./network.ts";
import type { FaultKind } from "./profiles.ts";
import type { Schedule } from "./schedule.ts";

/** What may befall the one that is to forget. */
const forgetting = [
  "lose power",
  "lose power",
  "lose power",
  "flip bit",
  "cut log",
  "lose log",
  "empty disk",
  "kill",
] as const;

export interface Conspirators {
  readonly schedule: Schedule;
  readonly network: Network;
  readonly orders: readonly OrderMachine[];
  /** Runs later, unless the faults are over by then. */
  later(ms: number, act: () => void): void;
  /** Runs when the next order is answered. */
  whenAnswered(act: () => void): void;
  harm(kind: FaultKind, order: OrderMachine): void;
  /** Ends a process, and starts it again after so long. */
  away(order: OrderMachine, ms: number): void;
}

function leads({ process: { running } }: OrderMachine): boolean {
  return running?.status().state === "leader";
}

/** The leader first, if there is one; the others in any order. */
function drawn(schedule: Schedule, orders: readonly OrderMachine[]): OrderMachine[] {
  const keyed = orders.map((order) => ({ order, key: leads(order) ? -1 : schedule.random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ order }) => order);
}

export function conspire(conspirators: Conspirators): void {
  const { schedule, network, orders, later, whenAnswered, harm, away } = conspirators;
  const holding = drawn(schedule, orders);
  const lagging = holding.splice(1, Math.floor(orders.length / 2));
  for (const { process } of lagging) {
    for (const other of holding) {
      network.cut(process.machine, other.process.machine);
      network.cut(other.process.machine, process.machine);
    }
  }
  const untilMs = schedule.random() * schedule.pick([100, 600, 2_500]);
  const togetherMs = schedule.pick([2, 20, 300]);
  const awayMs = schedule.pick([600, 3_000]) * (0.5 + schedule.random());
  // The leader, or another.
  const forgetful = schedule.chance(0.3) ? holding.shift() : holding.pop();
  // What it acknowledges before it is durable then stays so for a while.
  if (schedule.chance(0.5)) forgetful?.disk.slow(20);
  const strike = (): void => {
    const soon = (act: () => void): void => later(schedule.random() * togetherMs, act);
    if (forgetful !== undefined) soon(() => harm(schedule.pick(forgetting), forgetful));
    for (const order of holding) soon(() => away(order, awayMs));
    soon(() => network.heal());
    later(togetherMs, () => forgetful?.disk.slow(1));
  };
  if (schedule.chance(0.5)) later(untilMs, strike);
  else later(untilMs, () => whenAnswered(strike));
}
