/**
 * Which totals can a choice among some quantities have? Exact while the sums are few; beyond that, everything up to
 * the total is called possible, which keeps the checker sound: it may miss a fault, it never invents one.
 */

/** Distinct sums kept. */
const sumsMax = 4_096;

export class PossibleSums {
  #total = 0;
  #sums: Set<number> | undefined = new Set([0]);

  get total(): number {
    return this.#total;
  }

  add(quantity: number): void {
    this.#total += quantity;
    if (this.#sums === undefined) return;
    if (this.#sums.size * 2 > sumsMax) {
      this.#sums = undefined;
      return;
    }
    for (const sum of [...this.#sums]) this.#sums.add(sum + quantity);
  }

  has(sum: number): boolean {
    if (!Number.isInteger(sum) || sum < 0 || sum > this.#total) return false;
    return this.#sums === undefined || this.#sums.has(sum);
  }
}
