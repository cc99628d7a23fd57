/**
 * One front-end whose order replica and catalog are faked inside its own process, with a lease that is granted and
 * renewed as a real one is: what the cache's hits cost, without the rest of the system.
 */
import { startWorld } from "../src/frontend/fake-world.test-support.ts";

const world = await startWorld({
  cache: 64,
  catalogs: 1,
  prepare: (replica) => {
    replica.leases.remainingMs = 250;
  },
});
process.send?.({ url: world.url });
process.once("disconnect", () => process.exit(0));
