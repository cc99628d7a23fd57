/**
 * Rows of one table, many in a statement. Running a statement costs more than a row does: inserting fifty rows at a
 * time takes about half the time of one by one.
 */
import type Database from "better-sqlite3";

export type SqlValue = string | number | Buffer | null;

export interface BulkInsert {
  /** One value of the present row; rows are put one after the other. */
  put(value: SqlValue): void;
  /** The present row is complete. */
  row(): void;
  /** Write what is left. */
  end(): void;
}

const rowsPerStatement = 50;

/** `row` is one row of SQL values with `?` for each value put, `width` how many there are. */
export function bulkInsert(
  database: Database.Database,
  table: string,
  row: string,
  width: number,
): BulkInsert {
  const one = database.prepare(`INSERT INTO ${table} VALUES ${row}`);
  const many = database.prepare(`INSERT INTO ${table} VALUES ${Array(rowsPerStatement).fill(row).join(",")}`);
  const full = rowsPerStatement * width;
  const values: SqlValue[] = Array(full).fill(null);
  let length = 0;
  return {
    put(value) {
      values[length++] = value;
    },
    row() {
      if (length < full) return;
      many.run(values);
      length = 0;
    },
    end() {
      for (let at = 0; at < length; at += width) one.run(values.slice(at, at + width));
      length = 0;
    },
  };
}
