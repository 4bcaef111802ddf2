export interface Tunable {
  readonly file: string;
  readonly name: string;
  readonly values: readonly number[];
}

export const TUNABLES: readonly Tunable[];
export const LATER_TUNABLES: readonly Tunable[];
