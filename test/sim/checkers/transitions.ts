import type { GroupState } from '../../../src/array/store/array-state.ts';
import { SimFailure } from '../verdict.ts';

/**
 * I11: a pair at one array takes only the ways that the documents name (`src/array/README.md`, `src/replication/README.md`), and while it
 * stays in one role, following one generation, its places in the journal never go back.
 */
type PairStand =
  | 'none'
  | 'primary copying'
  | 'primary in pair'
  | 'primary suspended'
  | 'auxiliary copying'
  | 'auxiliary in pair'
  | 'auxiliary suspended, copying'
  | 'auxiliary suspended, whole';

/** A pair may be deleted at any time, and stay as it is. */
const WAYS: Readonly<Record<PairStand, readonly PairStand[]>> = {
  // S1101, S1102.
  none: ['primary copying', 'auxiliary copying'],
  // The auxiliary is said to be copied; a split, a full journal, an error; a resync in the other direction.
  'primary copying': ['primary in pair', 'primary suspended', 'auxiliary copying'],
  // S1906; the rest as above.
  'primary in pair': ['primary suspended', 'auxiliary in pair', 'auxiliary copying'],
  // Out of a suspension nothing leads but a resync, which copies first.
  'primary suspended': ['primary copying', 'auxiliary copying'],
  // The last record that the copy needs may lie before one that cannot be restored any more: one commit says both.
  'auxiliary copying': [
    'auxiliary in pair',
    'auxiliary suspended, copying',
    'auxiliary suspended, whole',
    'primary suspended',
  ],
  // S1907; a takeover; its journal cannot be restored any more.
  'auxiliary in pair': [
    'primary in pair',
    'primary suspended',
    'auxiliary copying',
    'auxiliary suspended, whole',
    'auxiliary suspended, copying',
  ],
  // What had been acquired may still be restored.
  'auxiliary suspended, copying': ['auxiliary copying', 'auxiliary suspended, whole', 'primary suspended'],
  'auxiliary suspended, whole': ['auxiliary copying', 'auxiliary suspended, copying', 'primary suspended'],
};

/** Why either side may be suspended: the words of `array show`. */
const REASONS = {
  primary: ['split', 'journal-full', 'error', 'takeover'],
  auxiliary: ['split', 'error', 'peer-suspended', 'older-copy', 'peer-older-copy'],
} as const;

/**
 * `unseen`: the array was down meanwhile, and a change that was on its way when it died may have become durable by luck, so
 * that two ways look like one.
 */
export function checkTransition(
  name: string,
  before: GroupState | undefined,
  after: GroupState | undefined,
  unseen: boolean,
): void {
  const slots = new Set([...(before?.pairs ?? []), ...(after?.pairs ?? [])].map(({ slot }) => slot));
  for (const slot of slots) {
    const [from, to] = [standOf(before, slot), standOf(after, slot)];
    if (isWay(from, to) || (unseen && WAYS[from].some((between) => isWay(between, to)))) continue;
    throw new SimFailure('I11-status', `${name}: slot ${slot} was ${from} and is ${to}`);
  }
  if (after) checkReason(name, before, after, unseen);
  if (before && after && !unseen) checkPlaces(name, before, after);
}

/** Whether both are shown as the same: role, state and reason of the group and of each pair. */
export function isSameStand(one: GroupState | undefined, other: GroupState | undefined): boolean {
  const shown = (group: GroupState | undefined): string =>
    JSON.stringify([
      group?.role,
      group?.suspendReason,
      group?.journalLost,
      group?.givenUpTo,
      group?.pairs.map(({ slot, progress }) => [slot, progress]),
    ]);
  return one === other || shown(one) === shown(other);
}

function isWay(from: PairStand, to: PairStand): boolean {
  return from === to || to === 'none' || WAYS[from].includes(to);
}

function standOf(group: GroupState | undefined, slot: number): PairStand {
  const pair = group?.pairs.find((candidate) => candidate.slot === slot);
  if (!group || !pair) return 'none';
  const isWhole = pair.progress === 'pair';
  const isSuspended = group.suspendReason !== 'none';
  if (group.role === 'primary') {
    if (isSuspended) return 'primary suspended';
    return isWhole ? 'primary in pair' : 'primary copying';
  }
  if (isSuspended) return isWhole ? 'auxiliary suspended, whole' : 'auxiliary suspended, copying';
  return isWhole ? 'auxiliary in pair' : 'auxiliary copying';
}

function checkReason(name: string, before: GroupState | undefined, after: GroupState, unseen: boolean): void {
  const { role, suspendReason: reason } = after;
  if (reason === 'none') return;
  const known: readonly string[] = REASONS[role];
  const tookOver = reason === 'takeover' && before?.suspendReason !== 'takeover';
  const isRight = known.includes(reason) && (!tookOver || unseen || before?.role === 'auxiliary');
  if (!isRight) throw new SimFailure('I11-status', `${name}: a ${before?.role} side is ${role}, suspended: ${reason}`);
}

/** The purge, the reading and the restoration only go forwards, and nothing is restored that was not read. */
function checkPlaces(name: string, before: GroupState, after: GroupState): void {
  const isSame =
    before.role === after.role &&
    before.following &&
    after.following &&
    before.lineage.at(-1)?.generation === after.lineage.at(-1)?.generation;
  if (after.role === 'auxiliary' && after.following && after.restored.sequence > after.read.sequence)
    throw new SimFailure(
      'I11-status',
      `${name}: restored up to ${after.restored.sequence}, read up to ${after.read.sequence}`,
    );
  if (!isSame) return;
  const wrong = (after.role === 'primary' ? (['purged'] as const) : (['restored', 'read'] as const)).find(
    (place) => after[place].sequence < before[place].sequence || after[place].offset < before[place].offset,
  );
  if (!wrong) return;
  const what = `${wrong} went back from ${before[wrong].sequence} to ${after[wrong].sequence}`;
  throw new SimFailure('I11-status', `${name}: ${what}`);
}
