/**
 * What code of production gets in place of the machine's disk (log/embedded/wal/node-files.ts) and of the store in
 * SQLite (store/sqlite/store.ts, damage.ts): those of the simulated disk that is mounted where its path leads. Production
 * knows of no machines, so this is a table of the whole simulated world, which is one at a time.
 */
import { assert, present } from "../base/assert.ts";
import type { WalFiles } from "../log/embedded/wal/files.ts";
import type { SimDisk } from "./disk.ts";
import type { SetAside, StoreDamage } from "./store-damage.ts";
import type { OpenedSimStore, SimStoreOptions } from "./store-file.ts";

export { StoreDamage } from "./store-damage.ts";

const disks = new Map<string, SimDisk>();

/** Whatever lies below the directory `prefix` is on `disk`. No other may be mounted there. */
export function mount(prefix: string, disk: SimDisk): void {
  assert(!disks.has(prefix), () => `a disk is mounted at ${prefix}`);
  disks.set(prefix, disk);
}

/** The end of a world. */
export function unmountAll(): void {
  disks.clear();
}

/** The disk that has `path`. */
export function diskOf(path: string): SimDisk {
  for (let at = path.length; at > 0; at = path.lastIndexOf("/", at - 1)) {
    const disk = disks.get(path.slice(0, at));
    if (disk !== undefined) return disk;
  }
  return present(disks.get("/"), `a disk for ${path}`);
}

export const simFiles: WalFiles = {
  makeDirectory: (path) => diskOf(path).files.makeDirectory(path),
  list: (path) => diskOf(path).files.list(path),
  open: (path, how) => diskOf(path).files.open(path, how),
  rename: (from, to) => diskOf(from).files.rename(from, to),
  remove: (path) => diskOf(path).files.remove(path),
  syncDirectory: (path) => diskOf(path).files.syncDirectory(path),
  freeBytes: (path) => diskOf(path).files.freeBytes(path),
};

/** As production imports it. */
export { simFiles as nodeFiles };

export function openSqliteStore(options: SimStoreOptions): Promise<OpenedSimStore> {
  return diskOf(options.dir).store(options.dir).open(options);
}

export function leaveMark(dir: string, damage: StoreDamage): void {
  diskOf(dir).store(dir).leaveMark(damage.message);
}

export function stillRefilling(dir: string): SetAside | undefined {
  return diskOf(dir).store(dir).refilling;
}

export function endRefilling(dir: string): void {
  diskOf(dir).store(dir).endRefilling();
}

export function setStoreAside(dir: string): SetAside | undefined {
  return diskOf(dir).store(dir).setAside("it was set aside by request");
}
