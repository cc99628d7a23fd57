import { describeStore, type StoreSubject } from "./conformance.ts";
import { describeCopying } from "./copying.test-support.ts";
import { openMemoryStore } from "./memory.ts";

const subject: StoreSubject = {
  open: async () => openMemoryStore(),
  close: async () => {},
};
describeStore("memory", subject);
describeCopying("memory", subject);
