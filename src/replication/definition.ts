/** A group as the configuration names it: two arrays, their journals, and pairs of LUNs. Who is primary the arrays say. */
export interface GroupDefinition {
  readonly name: string;
  /** Configuration names of the two arrays, in the order of the file. */
  readonly arrays: readonly [string, string];
  /** Journal LUN by array name. */
  readonly journals: Readonly<Record<string, number>>;
  readonly pairs: readonly PairDefinition[];
}

export interface PairDefinition {
  readonly name: string;
  /** Volume LUN by array name. */
  readonly luns: Readonly<Record<string, number>>;
}
