import type { SimOptions } from './options.ts';
import type { Mutation } from './transform.mjs';
import type { Invariant } from './verdict.ts';

export interface Mutant extends Mutation {
  readonly name: string;
  readonly expect: readonly Invariant[];
  readonly options?: Partial<SimOptions>;
  /** Seeds, from the first, within which a checker must find it. */
  readonly within: number;
  /** Seeds that found it; the mutants with these, or with `cuts`, are those that `npm run sim:mutants` demands. */
  readonly seeds?: readonly number[];
  /** The command of `exhaustive.ts` whose cuts find it. */
  readonly cuts?: string;
}

export const MUTANTS: readonly Mutant[];
