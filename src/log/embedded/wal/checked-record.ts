/**
 * Small records of a file each: a line of JSON and a line with its checksum. They are replaced as a whole: written
 * under a temporary name, synced, renamed, and the directory synced.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { WalDamaged } from "./damage.ts";
import { synced, type WalFiles, withFile, written } from "./files.ts";

const recordBytesMax = 64 * 1024;

function checksum(line: string): string {
  return crc32(line).toString(16).padStart(8, "0");
}

/** Durable when it resolves. */
export async function writeRecord(files: WalFiles, dir: string, name: string, value: object): Promise<void> {
  const line = JSON.stringify(value);
  const temporary = join(dir, `${name}.tmp`);
  await files.remove(temporary);
  const file = await files.open(temporary, "new");
  try {
    await written(file, new TextEncoder().encode(`${line}\n${checksum(line)}\n`), 0);
    await synced(file);
    await file.fsync();
  } finally {
    await file.close();
  }
  await files.rename(temporary, join(dir, name));
  await files.syncDirectory(dir);
}

/** `undefined` if there is none. Throws `WalDamaged` if it does not check. */
export async function readRecord(files: WalFiles, dir: string, name: string): Promise<unknown> {
  if (!(await files.list(dir)).includes(name)) return undefined;
  const text = await withFile(files, join(dir, name), async (file) => {
    const bytes = new Uint8Array(Math.min(await file.size(), recordBytesMax));
    return new TextDecoder().decode(bytes.subarray(0, await file.pread(bytes, 0, bytes.length, 0)));
  });
  const [line = "", check] = text.split("\n");
  if (check !== checksum(line)) throw new WalDamaged(name, 0, "its checksum does not match");
  return JSON.parse(line);
}

/** The record is certainly gone when it resolves. */
export async function removeRecord(files: WalFiles, dir: string, name: string): Promise<void> {
  await files.remove(join(dir, name));
  await files.syncDirectory(dir);
}
