/**
 * A plot against whatever rests on knowing who leads, or what time it is: the leader and a front-end are cut off together,
 * and one of them, or both, are stopped for so long that the others choose another leader and go on. Whoever wakes must not
 * answer by what was true before.
 */
import type { OrderMachine } from "./cluster.ts";
import type { Network } from "./network.ts";
import type { SimProcess } from "./process.ts";
import type { Schedule } from "./schedule.ts";

export interface Sleepers {
  readonly schedule: Schedule;
  readonly network: Network;
  readonly leader: OrderMachine;
  readonly frontends: readonly SimProcess[];
  readonly processes: readonly SimProcess[];
  /** Runs later, unless the faults are over by then. */
  later(ms: number, act: () => void): void;
}

export function slumber({ schedule, network, leader, frontends, processes, later }: Sleepers): void {
  const frontend = schedule.pick(frontends);
  const isApart = (process: SimProcess): boolean =>
    process === leader.process ||
    process === frontend ||
    (!process.name.startsWith("order") && !process.name.startsWith("frontend") && schedule.chance(0.5));
  const apart = new Set(processes.filter(isApart));
  for (const one of apart) {
    for (const other of processes) {
      if (apart.has(other)) continue;
      network.cut(one.machine, other.machine);
      network.cut(other.machine, one.machine);
    }
  }
  const asleep = schedule.pick([[leader.process], [frontend], [leader.process, frontend]]);
  const forMs = 500 + schedule.random() * schedule.pick([500, 2_000]);
  for (const { machine } of asleep) {
    later(schedule.random() * 100, () => {
      if (!machine.isRunning || machine.isPaused) return;
      const { life } = machine;
      machine.pause();
      // Also if the faults are over: then it has been woken.
      schedule.after(forMs, () => {
        if (machine.life === life) machine.resume();
      });
    });
  }
  later(forMs + schedule.random() * 600, () => network.heal());
}
