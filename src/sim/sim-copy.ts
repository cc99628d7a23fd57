/** A copy into a simulated store: each step is a transaction of its writer, durable when it resolves. */
import { assert } from "../base/assert.ts";
import type { LogIndex } from "../base/units.ts";
import type { Copy } from "../store/port.ts";

/** A step into the store's rows, when the disk has come to it. */
type Step = <T>(weight: number, act: () => Promise<T>) => Promise<T>;

/** What a row of a copy weighs is not known before it is read: about so many bytes are one. */
const bytesPerWeight = 100;

/** `onInstalled` is called once. */
export function copyInSteps(rows: Copy, step: Step, onInstalled: (index: LogIndex) => void): Copy {
  let isInstalled = false;
  const add = (bytes: Uint8Array, act: () => Promise<void>): Promise<void> => {
    assert(!isInstalled, "the copy is installed");
    return step(1 + bytes.length / bytesPerWeight, act);
  };
  return {
    get nextOrder() {
      return rows.nextOrder;
    },
    get answersThrough() {
      return rows.answersThrough;
    },
    addOrders: (bytes) => add(bytes, () => rows.addOrders(bytes)),
    addAnswers: (bytes) => add(bytes, () => rows.addAnswers(bytes)),
    install: async (index, term, state) => {
      assert(!isInstalled, "the copy is installed");
      await step(1 + state.items.length, () => rows.install(index, term, state));
      isInstalled = true;
      onInstalled(index);
    },
  };
}
