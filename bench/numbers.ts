/** Figures for people. */

export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;

/** A whole number with its thousands marked. */
export const round = (n: number): string => Math.round(n).toLocaleString("en-US");
