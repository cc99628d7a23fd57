/** The kinds of flags that a verb may have, and the types of what they are parsed to. */

interface Described {
  /** Half a sentence for `--help`. */
  readonly help: string;
}

export type FlagSpec =
  | (Described & { readonly kind: "switch" })
  | (Described & {
      readonly kind: "integer";
      readonly value: string;
      /** The word `off` stands for 0. */
      readonly off?: true;
      readonly min: number;
      readonly max: number;
      readonly default?: number;
    })
  | (Described & {
      readonly kind: "number";
      readonly value: string;
      readonly min: number;
      readonly max: number;
      readonly default?: number;
    })
  | (Described & { readonly kind: "choice"; readonly choices: readonly string[]; readonly default?: string })
  | (Described & { readonly kind: "text"; readonly value: string; readonly default?: string });

export interface VerbSpec {
  readonly summary: string;
  /** Names of what stands behind the verb without a flag; all are required. */
  readonly operands: readonly string[];
  readonly flags: Readonly<Record<string, FlagSpec>>;
  /** Lines below the flags in `--help`. */
  readonly notes?: readonly string[];
  /** Not for people: left out of `--help`. */
  readonly internal?: true;
}

type Defaulted<Flag, Value> = Flag extends { readonly default: Value } ? Value : Value | undefined;

type ValueOf<Flag extends FlagSpec> = Flag extends { readonly kind: "switch" }
  ? boolean
  : Flag extends { readonly kind: "integer" | "number" }
    ? Defaulted<Flag, number>
    : Flag extends { readonly kind: "choice"; readonly choices: readonly (infer Choice extends string)[] }
      ? Flag extends { readonly default: string }
        ? Choice
        : Choice | undefined
      : Defaulted<Flag, string>;

export type FlagValues<Flags extends Readonly<Record<string, FlagSpec>>> = {
  readonly [Name in keyof Flags]: ValueOf<Flags[Name]>;
};

export type FlagValue = string | number | boolean | undefined;
