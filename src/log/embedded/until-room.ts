/** On a full disk small records cannot be written either: whoever must have one waits until it can. */
import { inASecond, isFull } from "./wal/room.ts";

export interface Waiting {
  /** It has to wait: told once. */
  readonly onFull?: () => void;
  /** Resolves when nobody wants it any more. */
  readonly ended?: Promise<void>;
}

/** Carries `run` out, again and again while the disk is full. False, and it was not carried out: `ended` resolved first. */
export async function untilRoom(run: () => Promise<void>, { onFull, ended }: Waiting = {}): Promise<boolean> {
  let over = false;
  const end = ended?.then(() => {
    over = true;
  });
  for (let tries = 0; !over; tries++) {
    try {
      await run();
      return true;
    } catch (error) {
      if (!isFull(error)) throw error;
    }
    if (tries === 0) onFull?.();
    const later = Promise.withResolvers<void>();
    const cancel = inASecond(later.resolve);
    await (end === undefined ? later.promise : Promise.race([end, later.promise]));
    cancel();
  }
  return false;
}
