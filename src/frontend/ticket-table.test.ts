import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TicketTable } from "./ticket-table.ts";

test("a table of tickets holds what a map would, oldest first, however long some tickets stay", () => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ add: fc.integer({ min: 1, max: 3_000 }) }),
      fc.record({ keepEvery: fc.integer({ min: 1, max: 900 }) }),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(steps, (course) => {
      const table = new TicketTable<string>();
      const model = new Map<number, string>();
      for (const step of course) {
        if ("add" in step) {
          for (let i = 0; i < step.add; i++) {
            const ticket = table.next;
            table.add(ticket, `v${ticket}`);
            model.set(ticket, `v${ticket}`);
          }
        } else {
          for (const ticket of [...model.keys()]) {
            if (ticket % step.keepEvery === 0) continue;
            table.delete(ticket);
            table.delete(ticket);
            model.delete(ticket);
            assert.equal(table.get(ticket), undefined);
          }
        }
        assert.equal(table.size, model.size);
        assert.deepEqual([...table.entries()], [...model]);
      }
    }),
    { numRuns: 50 },
  );
});

test("values may be deleted while they are walked", () => {
  const table = new TicketTable<number>();
  for (let i = 0; i < 10; i++) table.add(table.next, table.next);
  for (const value of table.values()) if (value !== 5) table.delete(value);
  assert.deepEqual([...table.values()], [5]);
});
