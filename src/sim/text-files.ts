/**
 * What code of production finds in place of the text files of `node:fs/promises` while it is simulated. A write has
 * happened at a moment within the time that it takes, and lives on when its process is killed; one whose process is
 * killed before that moment never happens. No machine with such files loses its power, so nothing of them is ever lost.
 */
import { currentMachine, currentSchedule } from "./clock.ts";

/** Of the whole simulated world, which is one at a time. */
const texts = new Map<string, string>();

/** The end of a world. */
export function removeTextFiles(): void {
  texts.clear();
}

/** What a file holds, for who looks at the world from outside; undefined if there is none. */
export function textAt(path: string): string | undefined {
  return texts.get(path);
}

const halfMsMax = 0.15;

/** In the life of the process that asks; else never. */
function pass(): Promise<void> {
  const machine = currentMachine();
  const schedule = currentSchedule();
  return new Promise((resolve) => {
    schedule.for(machine, schedule.random() * halfMsMax, "input", resolve);
  });
}

async function write(path: string, textOf: () => string): Promise<void> {
  await pass();
  texts.set(path, textOf());
  await pass();
}

export function appendFile(path: string, text: string): Promise<void> {
  return write(path, () => (texts.get(path) ?? "") + text);
}

export function writeFile(path: string, text: string): Promise<void> {
  return write(path, () => text);
}

export async function readFile(path: string): Promise<string> {
  await pass();
  const text = texts.get(path);
  if (text === undefined) throw Object.assign(new Error(`there is no file ${path}`), { code: "ENOENT" });
  return text;
}
