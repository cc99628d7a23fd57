/** What code of production finds in place of `node:crypto` while it is simulated: chance is the history's. */
import { type Random, seededRandom } from "../base/random.ts";
import { currentSchedule, hasWorld } from "./clock.ts";

export { hash, timingSafeEqual } from "node:crypto";

/** For what modules draw as they are loaded: the same in every history. */
const beforeAnyWorld = seededRandom(1);

const chance = (): Random => (hasWorld() ? currentSchedule().random : beforeAnyWorld);

export function randomBytes(size: number): Buffer {
  const random = chance();
  return Buffer.from(Array.from({ length: size }, () => Math.floor(random() * 256)));
}

/** From 0, below `end`. */
export function randomInt(end: number): number {
  return Math.floor(chance()() * end);
}
