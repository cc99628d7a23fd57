/** What a torture makes for itself: a directory, the market in it, its replicas' disks, its clock; and all of it ends. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FaultKind } from "./fault-kinds.ts";
import { OwnMarket } from "./own-market.ts";
import type { Shape } from "./schedule.ts";
import { SmallDisk } from "./small-disk.ts";
import { WallClock } from "./wall-clock.ts";
import { wares } from "./wares.ts";

/** As little of the log is kept as can be, in small files: replicas copy each other's states, and disks fill up soon. */
const shortLog = ["--log-keep", "0", "--log-segment", "0.0625"];
/** Fewer replies than there are items: some are dropped. */
const cacheEntries = "64";
/** Each replica's; memory is taken only for what is written. */
const diskMebibytes = 4_096;

export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), "bazaar-torture-"));
  readonly market: OwnMarket;
  readonly clock: WallClock | undefined;
  readonly disks = new Map<string, SmallDisk>();

  constructor(shape: Shape, kinds: readonly FaultKind[]) {
    const file = join(this.directory, "market.json");
    writeFileSync(file, JSON.stringify(wares));
    this.clock = kinds.includes("clock-jump") ? new WallClock(join(this.directory, "clock")) : undefined;
    const { orders, frontends, catalogs } = shape;
    const processes = ["--orders", `${orders}`, "--frontends", `${frontends}`, "--catalogs", `${catalogs}`];
    this.market = new OwnMarket({
      data: join(this.directory, "data"),
      words: [...processes, "--cache", cacheEntries, "--market", file, ...shortLog],
      environment: this.clock?.environment ?? {},
    });
  }

  /** Give each replica a disk of its own, in memory, that can be made full. The market starts anew. */
  async separateDisks(): Promise<void> {
    const { processes } = await this.market.status();
    await this.market.stop();
    for (const { name } of processes.filter(({ role }) => role === "order")) {
      const disk = new SmallDisk(diskMebibytes);
      this.disks.set(name, disk);
      const directory = this.market.replicaDirectory(name);
      cpSync(directory, join(disk.path, name), { recursive: true });
      rmSync(directory, { recursive: true });
      symlinkSync(join(disk.path, name), directory);
    }
    await this.market.up();
  }

  /** The market ends. Everything goes, or is left as one directory. */
  async close(keep: boolean): Promise<void> {
    try {
      await this.market.stop();
      if (keep) for (const name of this.disks.keys()) this.#bringHome(name);
    } finally {
      for (const disk of this.disks.values()) await disk.unmount();
      if (!keep) rmSync(this.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    }
  }

  #bringHome(name: string): void {
    const link = this.market.replicaDirectory(name);
    const home = `${link}.moved`;
    mkdirSync(home);
    cpSync(readlinkSync(link), home, { recursive: true });
    rmSync(link);
    renameSync(home, link);
  }
}
