/**
 * Counts a replica's starts. What a replica said in an earlier life may be lost with a crash, so its peers must be
 * able to tell its lives apart: the number is durable before the replica says anything.
 */
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { OperatingFailure } from "../../base/failure.ts";

const name = "incarnation";

/** This start's number: one more than the last one's. */
export async function nextIncarnation(directory: string): Promise<number> {
  const path = join(directory, name);
  const next = (await lastIncarnation(path)) + 1;
  const file = await open(`${path}.tmp`, "w");
  try {
    await file.writeFile(`${next}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  const parent = await open(directory, "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
  return next;
}

async function lastIncarnation(path: string): Promise<number> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0;
    throw error;
  }
  const last = Number(text);
  if (!/^\d+\n$/.test(text) || !Number.isSafeInteger(last)) {
    throw new OperatingFailure("wrong-data", `${path} does not hold a number; the directory is damaged.`);
  }
  return last;
}
