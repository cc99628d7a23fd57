/** What is done to the simulated network: ways are cut, slowed, lose messages and mix them up, for a while. */
import type { Machine } from "./machine.ts";
import type { Network } from "./network.ts";
import type { FaultKind } from "./profiles.ts";
import type { Schedule } from "./schedule.ts";
import type { Sometimes } from "./sometimes.ts";

export type NetworkFault = Extract<
  FaultKind,
  "split" | "cut off" | "cut one way" | "slow" | "weather" | "mangle"
>;

export interface Disturbed {
  readonly schedule: Schedule;
  readonly network: Network;
  readonly sometimes: Sometimes;
  readonly machines: readonly Machine[];
  /** Runs later, unless the faults are over by then. */
  later(ms: number, act: () => void): void;
}

/** `machine`: to whom it is done, if it is not done to all. */
export function disturb(disturbed: Disturbed, kind: NetworkFault, machine: Machine): void {
  const { schedule, network, sometimes, machines } = disturbed;
  const ms = schedule.random() * schedule.pick([200, 1_000, 4_000, 15_000]);
  const { weather } = network;
  switch (kind) {
    case "split": {
      sometimes.saw("the network was split");
      const side = new Map(machines.map((one) => [one, schedule.chance(0.5)]));
      for (const from of machines) {
        for (const to of machines) if (side.get(from) !== side.get(to)) network.cut(from, to);
      }
      break;
    }
    case "cut off":
      sometimes.saw("a machine was cut off");
      for (const other of machines) {
        if (other === machine) continue;
        network.cut(machine, other);
        network.cut(other, machine);
      }
      break;
    case "cut one way": {
      sometimes.saw("a way was cut in one direction");
      const outward = schedule.chance(0.5);
      const share = schedule.pick([0.4, 1]);
      for (const other of machines) {
        if (other === machine || !schedule.chance(share)) continue;
        if (outward) network.cut(machine, other);
        else network.cut(other, machine);
      }
      break;
    }
    case "slow":
      sometimes.saw("a connection was slow");
      network.slow(machine, schedule.random() * schedule.pick([20, 200, 1_000]));
      break;
    case "weather":
      sometimes.saw("messages were lost and sent again");
      weather.slowMs = schedule.pick([0.6, 5, 60]);
      weather.clogChance = schedule.pick([0, 0.01, 0.1]);
      weather.clogMs = schedule.pick([50, 1_000]);
      weather.lossChance = schedule.pick([0, 0.01, 0.1]);
      break;
    case "mangle":
      sometimes.saw("messages of the log were dropped, doubled or overtaken");
      weather.dropChance = schedule.pick([0, 0.02, 0.3]);
      weather.doubleChance = schedule.pick([0, 0.05, 0.3]);
      weather.overtakeChance = schedule.pick([0, 0.05, 0.3]);
      weather.lateMs = schedule.pick([0, 30, 300, 2_000]);
      break;
  }
  disturbed.later(ms, () => {
    if (kind === "weather" || kind === "mangle") network.calm();
    else network.heal();
  });
}
