export interface Probe {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  /** In the words of the product where it stands. */
  readonly when: string;
  readonly expression?: true;
}

export const PROBES: readonly Probe[];
export const DEEDS: readonly string[];
export const SIGHTS: Readonly<Record<string, RegExp>>;
