import type { SimFailure } from '../verdict.ts';

/**
 * What a checker that looks at the inside of product code found. It must not throw there, where somebody might take that for a
 * failure of the disk or of a command: the world asks after each event.
 */
export interface Findings {
  /** The first one stays. */
  add(failure: SimFailure): void;
  first(): SimFailure | undefined;
}

export function createFindings(): Findings {
  let found: SimFailure | undefined;
  return {
    add(failure) {
      found ??= failure;
    },
    first: () => found,
  };
}
