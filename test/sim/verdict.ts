/** The promises of DESIGN.md as the simulator names them. */
export const INVARIANTS = {
  'I1-prefix': 'the auxiliary volumes equal the primary as it was after some prefix of its writes',
  'I1b-copy': 'while a copy runs the volumes are not said to be consistent, nor taken over without being asked',
  'I2-durable': 'what was acknowledged survives kill -9, and once flushed a power cut',
  'I3-full': 'a full journal loses nothing and holds nobody: the pair is suspended, and its differences are known',
  'I4-once': 'a command takes effect once, and its answer is durable',
  'I5-own-answer': 'each host gets its own answer',
  'I6-one-primary': 'no two primaries unseen; nothing acknowledged is given up without being asked',
  'I7-purge': 'purge frees only what is durable in the auxiliary journal',
  'I8-wrap': 'records lie where their numbers say, also where the ring or a number begins anew',
  'I9-liveness': 'after the faults the system heals',
  'I10-metadata': 'of each table one durable copy is left alone while others are written',
  'I11-status': 'pairs take the documented ways, and say where they stand',
  'I12-swap': 'a swap loses nothing acknowledged, a takeover nothing acquired',
  'I13-bounded': 'what an array keeps, opens and waits for is bounded',
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

export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
