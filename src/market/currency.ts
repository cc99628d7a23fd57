/**
 * Minor units. Inside, money is whole minor units; decimals exist only in market files and in what people are shown.
 * How many decimals a currency has is ISO 4217's to say: two, but for those listed.
 */
const otherDecimals: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(" ").map((code) => [code, 0]),
  ),
  ...Object.fromEntries("BHD IQD JOD KWD LYD OMR TND".split(" ").map((code) => [code, 3])),
};

export function currencyDecimals(currency: string): number {
  return otherDecimals[currency] ?? 2;
}

/**
 * A decimal price in minor units, `undefined` if it is negative or has more decimals than the currency. Exact: the
 * shortest decimal that names the number is what the operator wrote.
 */
export function toMinor(price: number, currency: string): number | undefined {
  const parts = /^(\d+)(?:\.(\d+))?$/.exec(String(price));
  if (parts === null) return undefined;
  const decimals = currencyDecimals(currency);
  const [, whole = "", fraction = ""] = parts;
  if (fraction.length > decimals) return undefined;
  const minor = Number(whole + fraction.padEnd(decimals, "0"));
  return Number.isSafeInteger(minor) ? minor : undefined;
}

/** The decimal price of so many minor units, for people and for JSON: the nearest number, which prints exactly. */
export function fromMinor(minor: number, currency: string): number {
  return minor / 10 ** currencyDecimals(currency);
}
