/** Deliberate bugs. */
export const chosenMutant: string | undefined = process.env.BAZAAR_SIM_MUTANT;
export function applyMutant(_name: string | undefined, _file: string, text: string): string {
  return text;
}
