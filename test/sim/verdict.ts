/** The promises of DESIGN.md as the simulator names them. */
export const INVARIANTS = {
  'I1-prefix': 'the auxiliary volumes equal the primary as it was after some prefix of its writes',
  'I2-durable': 'what was acknowledged survives kill -9, and once flushed a power cut',
  'I4-once': 'a command takes effect once, and its answer is durable',
  'I5-own-answer': 'each host gets its own answer',
  'I6-one-primary': 'no two primaries unseen; nothing acknowledged is given up without being asked',
  'I7-purge': 'purge frees only what is durable in the auxiliary journal',
  'I9-liveness': 'after the faults the system heals',
  'I12-swap': 'a swap loses nothing acknowledged, a takeover nothing acquired',
  'own-place': 'a group uses the journal and the volumes that it was formed with, and no other group does',
  'check-clean': 'what crashes leave in the storage is no damage to `array check`',
  'rot-named': 'storage that has rotted is called damaged, and by name, before anything in it is believed',
  'no-crash': 'no party fails in a way that is not part of its interface',
} as const;

export type Invariant = keyof typeof INVARIANTS;

export class SimFailure extends Error {
  override readonly name = 'SimFailure';
  readonly invariant: Invariant;

  constructor(invariant: Invariant, message: string) {
    super(message);
    this.invariant = invariant;
  }
}

/** Exit codes as TigerBeetle's simulator has them, and one for a seed that does not repeat. */
export const EXIT = { passed: 0, crash: 127, liveness: 128, safety: 129, nonDeterminism: 130 } as const;

export function exitCodeOf(invariant: Invariant): number {
  if (invariant === 'no-crash') return EXIT.crash;
  return invariant === 'I9-liveness' ? EXIT.liveness : EXIT.safety;
}
