import { CommandError, type CommandErrorKind } from '../host/command-error.ts';
import type { ArrayOperations, JournalStatus, PairRow } from '../host/operations.ts';
import type { StatusName } from '../interface-block/status.ts';
import { observeLimitMs, operationsAt, startRun, type ReplicationContext, type Run } from './context.ts';
import type { GroupDefinition } from './definition.ts';

export type { JournalStatus, PairRow as PairStatus } from '../host/operations.ts';

/** Why an array did not answer, as data. */
export interface ObservationError {
  readonly kind: CommandErrorKind;
  readonly message: string;
}

export interface UnreachableSide {
  readonly array: string;
  readonly serial: string;
  readonly reachable: false;
  /** It answers, but nothing that this host may ask. */
  readonly denied?: boolean;
  readonly error: ObservationError;
}

export interface AbsentSide {
  readonly array: string;
  readonly serial: string;
  readonly reachable: true;
  readonly absent: true;
}

export interface PresentSide {
  readonly array: string;
  readonly serial: string;
  readonly reachable: true;
  readonly absent: false;
  readonly journal: JournalStatus;
  readonly pairs: readonly PairRow[];
  /** Block size of the journal volume, which turns LBAs of the ring into bytes; absent where the array did not say. */
  readonly journalBlockBytes?: number;
}

export type ArrayObservation = UnreachableSide | AbsentSide | PresentSide;

/** What both arrays said about a group, in the order of the definition. Plain data. */
export interface GroupObservation {
  readonly group: string;
  /** Milliseconds since 1970 UTC by the context's clock, when the answers were in. */
  readonly observedAtMs: number;
  readonly sides: readonly [ArrayObservation, ArrayObservation];
}

/** Asks both arrays at the same time. An array that does not answer is data, never an exception. */
export async function observeGroup(context: ReplicationContext, group: GroupDefinition): Promise<GroupObservation> {
  return observe(startRun(context, group));
}

export async function observe(run: Run): Promise<GroupObservation> {
  const [first, second] = run.group.arrays;
  const sides = await Promise.all([observeSide(run, first), observeSide(run, second)]);
  return { group: run.group.name, observedAtMs: run.context.clock.wallMs(), sides };
}

async function observeSide(run: Run, array: string): Promise<ArrayObservation> {
  const operations = operationsAt(run, array);
  const { serial } = operations;
  try {
    return await askSide(operations, run, array);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (isRefusedWith(error, 'not-found')) return { array, serial, reachable: true, absent: true };
    const denied = isRefusedWith(error, 'permission-denied', 'not-authenticated');
    return { array, serial, reachable: false, denied, error: { kind: error.kind, message: error.message } };
  }
}

async function askSide(operations: ArrayOperations, run: Run, array: string): Promise<ArrayObservation> {
  const options = { timeoutMs: observeLimitMs(run) };
  const group = run.group.name;
  const [journal, pairs, volumes] = await Promise.all([
    operations.showJournal(group, options),
    operations.showPairs(group, options),
    operations.listVolumes(options),
  ]);
  const { serial } = operations;
  if (journal.role === 'simplex' || pairs.length === 0) return { array, serial, reachable: true, absent: true };
  const block = volumes.find((volume) => volume.lun === journal.localJournalLun)?.blockSize;
  const side = { array, serial, reachable: true, absent: false, journal, pairs } as const;
  return block === undefined ? side : { ...side, journalBlockBytes: block };
}

/** The array refused the command with one of these statuses. */
export function isRefusedWith(error: unknown, ...statuses: readonly StatusName[]): boolean {
  return error instanceof CommandError && error.status !== undefined && statuses.includes(error.status);
}

export function isPresent(side: ArrayObservation): side is PresentSide {
  return side.reachable && !side.absent;
}

/** For sorting. */
export function primaryFirst(first: PresentSide, second: PresentSide): number {
  return Number(second.journal.role === 'primary') - Number(first.journal.role === 'primary');
}

export function sideAt(observation: GroupObservation, array: string): ArrayObservation | undefined {
  return observation.sides.find((side) => side.array === array);
}

export function peerOf(observation: GroupObservation, array: string): ArrayObservation {
  return observation.sides[0].array === array ? observation.sides[1] : observation.sides[0];
}
