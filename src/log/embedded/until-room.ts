/** On a full disk small records cannot be written either: whoever must have one waits until it can. */
import { inASecond, isFull } from "./wal/room.ts";

/** Carries `run` out, again and again while the disk is full. `onFull`: it has to wait, for the first time. */
export async function untilRoom<T>(run: () => Promise<T>, onFull: () => void = () => {}): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await run();
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    if (tries === 0) onFull();
    await new Promise<void>((resolve) => inASecond(resolve));
  }
}

/** The same, but given up when `ended` resolves: false then. */
export async function untilRoomOrEnd(run: () => Promise<void>, ended: Promise<void>): Promise<boolean> {
  let over = false;
  const end = ended.then(() => {
    over = true;
  });
  for (;;) {
    try {
      await run();
      return true;
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    await Promise.race([end, new Promise<void>((resolve) => inASecond(resolve))]);
    if (over) return false;
  }
}
