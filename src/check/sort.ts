/**
 * Indexes in the order of a column of numbers. A stable bottom-up merge sort that starts from the runs it finds: a
 * recording is nearly in order of time and of position already, and a comparator called a hundred million times
 * would cost more than all the rules together.
 */

/** Sort `indexes` in place by `keys[index]`, stably. No key may be NaN. */
export function sortByKey(indexes: Uint32Array, keys: Float64Array): Uint32Array {
  const size = indexes.length;
  let runs = findRuns(indexes, keys);
  let from = indexes;
  let into: Uint32Array = new Uint32Array(size);
  while (runs.length > 2) {
    const merged: number[] = [0];
    for (let run = 0; run + 1 < runs.length; run += 2) {
      const low = runs[run] as number;
      const middle = runs[run + 1] as number;
      const high = runs[run + 2] ?? middle;
      merge(from, into, keys, low, middle, high);
      merged.push(high);
    }
    runs = merged;
    [from, into] = [into, from];
  }
  if (from !== indexes) indexes.set(from);
  return indexes;
}

/** The bounds of ascending runs: the first is 0, the last the size. */
function findRuns(indexes: Uint32Array, keys: Float64Array): number[] {
  const bounds = [0];
  for (let i = 1; i < indexes.length; i++) {
    if ((keys[indexes[i] as number] as number) < (keys[indexes[i - 1] as number] as number)) bounds.push(i);
  }
  bounds.push(indexes.length);
  return bounds;
}

function merge(
  from: Uint32Array,
  into: Uint32Array,
  keys: Float64Array,
  low: number,
  middle: number,
  high: number,
): void {
  let left = low;
  let right = middle;
  for (let out = low; out < high; out++) {
    const takeLeft =
      right >= high ||
      (left < middle && (keys[from[left] as number] as number) <= (keys[from[right] as number] as number));
    into[out] = from[takeLeft ? left++ : right++] as number;
  }
}

/** The indexes 0 … size − 1 for which `keep` holds. */
export function indexesWhere(size: number, keep: (index: number) => boolean): Uint32Array {
  const kept = new Uint32Array(size);
  let count = 0;
  for (let i = 0; i < size; i++) if (keep(i)) kept[count++] = i;
  return kept.slice(0, count);
}

/** Split `indexes` by group, each part in the order of the whole. */
export function grouped(
  groups: number,
  indexes: Uint32Array,
  groupOf: (index: number) => number,
): Uint32Array[] {
  const sizes = new Uint32Array(groups);
  for (const index of indexes) sizes[groupOf(index)] = (sizes[groupOf(index)] as number) + 1;
  const parts = Array.from(sizes, (size) => new Uint32Array(size));
  sizes.fill(0);
  for (const index of indexes) {
    const group = groupOf(index);
    (parts[group] as Uint32Array)[sizes[group] as number] = index;
    sizes[group] = (sizes[group] as number) + 1;
  }
  return parts;
}
