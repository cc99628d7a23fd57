/** Amounts are integers of the currency's minor unit; a decimal is made of their digits, never by a division. */

/** The amount as a JSON number, exact: 1799 with two decimals is `17.99`, 1500 is `15`. */
export function decimal(minor: number, decimals: number): string {
  if (decimals === 0) return String(minor);
  const text = String(minor).padStart(decimals + 1, "0");
  const split = text.length - decimals;
  let end = text.length;
  while (end > split && text.charCodeAt(end - 1) === 0x30) end--;
  return end === split ? text.slice(0, split) : `${text.slice(0, split)}.${text.slice(split, end)}`;
}
