/** What `check --deep` makes of the digests that replicas recomputed from their databases: pure. */
import type { NamedDigest } from "../supervisor/supervisor.ts";
import type { StateSighting } from "./state-comparison.ts";

export interface DigestFindings {
  /** What is wrong, in words. */
  readonly problems: readonly string[];
  /** The replicas whose databases are wrong by themselves, whatever the others hold. */
  readonly wrong: readonly string[];
  /** Replicas that gave no digest, with why. */
  readonly missing: readonly string[];
  /** The recomputed hashes, to be compared between replicas. */
  readonly sightings: readonly StateSighting[];
}

interface Digest {
  readonly position: number;
  readonly stored: string;
  readonly computed: string;
  readonly problems: readonly string[];
}

function parseDigest(value: unknown): Digest | string {
  if (typeof value !== "object" || value === null) return "it is not ready or did not answer";
  const { position, stored, computed, problems, error } = value as Record<string, unknown>;
  if (typeof error === "string") return error;
  const valid = typeof position === "number" && typeof stored === "string" && typeof computed === "string";
  if (!valid || !Array.isArray(problems)) return "its answer is no digest";
  return { position, stored, computed, problems: problems.map(String) };
}

export function judgeDigests(digests: readonly NamedDigest[]): DigestFindings {
  const problems: string[] = [];
  const wrong: string[] = [];
  const missing: string[] = [];
  const sightings: StateSighting[] = [];
  for (const { name, digest: given } of digests) {
    const digest = parseDigest(given);
    if (typeof digest === "string") {
      missing.push(`${name}: ${digest}`);
      continue;
    }
    const { position, stored, computed } = digest;
    if (stored !== computed) {
      problems.push(
        `${name}: its rows at position ${position} hash to ${computed}, and it wrote down ${stored}`,
      );
    }
    if (stored !== computed || digest.problems.length > 0) wrong.push(name);
    problems.push(...digest.problems.map((problem) => `${name}: ${problem}`));
    sightings.push({ name, position, hash: computed });
  }
  return { problems, wrong, missing, sightings };
}
