/** What is done to a simulated disk: it is slow or full for a while, fails a call, or what lies on it is damaged. */
import type { OrderMachine } from "./cluster.ts";
import type { FaultKind } from "./profiles.ts";
import type { Schedule } from "./schedule.ts";
import type { Sometimes } from "./sometimes.ts";

const damages = ["flip bit", "cut log", "lose log", "damage database", "empty disk"] as const;
type Damage = (typeof damages)[number];
type Trouble = Extract<FaultKind, "hang disk" | "slow disk" | "fail sync" | "fill disk">;
export type DiskFault = Damage | Trouble;

/** What may fail, the most frequent thing first and twice. */
const failing = [
  "fdatasync",
  "fdatasync",
  "pwrite",
  "fsync",
  "syncDirectory",
  "rename",
  "open",
  "pread",
] as const;

export interface Harmed {
  readonly schedule: Schedule;
  readonly sometimes: Sometimes;
  readonly orders: readonly OrderMachine[];
}

/** Whether it takes away what was on the disk. */
export function isDamage(kind: DiskFault): kind is Damage {
  return damages.some((one) => one === kind);
}

const storeOf = ({ disk, directory }: OrderMachine) => disk.store(directory);

export function harmDisk(harmed: Harmed, kind: Trouble, order: OrderMachine): void {
  const { schedule, sometimes } = harmed;
  const { disk } = order;
  switch (kind) {
    case "hang disk":
      sometimes.saw("a disk hung");
      return disk.hang(schedule.random() * schedule.pick([200, 1_000, 6_000]));
    case "slow disk":
      sometimes.saw("a disk was slow");
      disk.slow(schedule.pick([3, 20]));
      schedule.after(schedule.random() * 5_000, () => disk.slow(1));
      return;
    case "fail sync":
      sometimes.saw("a sync failed");
      order.diskFailed = true;
      if (schedule.chance(0.2)) return storeOf(order).failWrite();
      return disk.failNext(schedule.pick(failing));
    case "fill disk":
      return fill(harmed, order);
  }
}

/** For a while nothing more fits; now and then on every machine. */
function fill({ schedule, sometimes, orders }: Harmed, order: OrderMachine): void {
  sometimes.saw("a disk was full");
  const victims = schedule.chance(0.2) ? orders : [order];
  for (const victim of victims) {
    victim.disk.setFreeBytes(schedule.pick([0, 10_000, 100_000]));
    if (schedule.chance(0.5)) storeOf(victim).full = true;
  }
  schedule.after(500 + schedule.random() * 5_000, () => {
    for (const victim of victims) empty(victim);
  });
}

/** There is space again. */
export function empty(order: OrderMachine): void {
  order.disk.setFreeBytes(Number.POSITIVE_INFINITY);
  storeOf(order).full = false;
}

/** Of a machine whose process is down. */
export function damage(schedule: Schedule, sometimes: Sometimes, kind: Damage, order: OrderMachine): void {
  const { disk, directory } = order;
  switch (kind) {
    case "flip bit":
      if (disk.flipBit(schedule.chance(0.4) ? "last-record" : "middle") !== undefined) {
        sometimes.saw("a bit was flipped in a log");
      }
      return;
    case "cut log":
      if (disk.truncate(schedule.between(1, 200)) !== undefined) sometimes.saw("a log was cut short");
      return;
    case "lose log":
      sometimes.saw("a log was lost");
      disk.wipe(`${directory}/log`);
      return;
    case "damage database":
      sometimes.saw("a database was damaged");
      storeOf(order).damage();
      return;
    case "empty disk":
      sometimes.saw("a disk was emptied");
      disk.wipe();
  }
}
