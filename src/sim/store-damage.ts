/** What stands in for src/store/sqlite/damage.ts, as far as a store itself needs it. */
import { OperatingFailure } from "../base/failure.ts";

/** The file is damaged. */
export class StoreDamage extends OperatingFailure {
  constructor(message: string, cause?: unknown) {
    super("wrong-data", message, { cause });
  }
}

/** What was found, and under which name the damaged file now lies. */
export interface SetAside {
  readonly reason: string;
  readonly file: string;
}
