/**
 * Whether the replicas hold the same state: pure, over what they were seen to say. A replica's state at a position
 * never changes again, so what several looks saw may be put together.
 */

export interface StateSighting {
  readonly name: string;
  readonly position: number;
  /** 32 hexadecimal digits. */
  readonly hash: string;
}

export type StateComparison =
  /** No position at which all of them were seen. */
  | { readonly kind: "no-common-position" }
  | { readonly kind: "equal"; readonly position: number; readonly hash: string }
  | { readonly kind: "different"; readonly position: number; readonly hashes: readonly StateSighting[] };

/** All positions seen, the highest first, with the hashes seen there. */
function byPosition(
  sightings: readonly StateSighting[],
): readonly (readonly [number, readonly StateSighting[]])[] {
  const positions = new Map<number, StateSighting[]>();
  for (const sighting of sightings) {
    const at = positions.get(sighting.position);
    if (at === undefined) positions.set(sighting.position, [sighting]);
    else at.push(sighting);
  }
  return [...positions].sort(([a], [b]) => b - a);
}

/**
 * Compare `names` at the highest position at which all were seen. A difference anywhere wins, also between only some
 * of them: replicas that differ have diverged, whatever the others do.
 */
export function compareStates(
  names: readonly string[],
  sightings: readonly StateSighting[],
): StateComparison {
  let common: StateComparison = { kind: "no-common-position" };
  for (const [position, there] of byPosition(sightings)) {
    const [first] = there;
    if (first === undefined) continue;
    if (there.some(({ hash }) => hash !== first.hash)) {
      const perName = [
        ...new Map(there.map((sighting) => [sighting.name + sighting.hash, sighting])).values(),
      ];
      return { kind: "different", position, hashes: perName };
    }
    const seen = new Set(there.map(({ name }) => name));
    if (common.kind === "no-common-position" && names.every((name) => seen.has(name))) {
      common = { kind: "equal", position, hash: first.hash };
    }
  }
  return common;
}

/** Of replicas that differ at one position, those that a majority of them contradicts; none if there is no majority. */
export function outvoted(hashes: readonly StateSighting[]): readonly string[] {
  const holders = new Map<string, string[]>();
  for (const { name, hash } of hashes) holders.set(hash, [...(holders.get(hash) ?? []), name]);
  const [majority] = [...holders].filter(([, names]) => names.length * 2 > hashes.length);
  return majority === undefined
    ? []
    : hashes.filter(({ hash }) => hash !== majority[0]).map(({ name }) => name);
}
