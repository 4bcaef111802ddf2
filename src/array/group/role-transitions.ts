import type { LineagePosition } from '../../interface-block/lineage.ts';
import { refuse } from '../refusal.ts';
import { currentGeneration, isActive, type GroupState, type Position } from '../store/array-state.ts';
import { beginGeneration, isConsistent, reversed, withoutLoss } from './transitions.ts';

/** Swap and takeover in the table of events: see `transitions.ts`. */

/** Fig. 20: the old primary. `tail` is its last record; `expected` what the host saw restored on the other side. */
export function swapToAuxiliary(group: GroupState, expected: LineagePosition, tail: Position): GroupState {
  if (group.role === 'auxiliary') return alreadySwappedAway(group, expected);
  if (!isActive(group))
    refuse('wrong-state', `group ${group.name} is suspended (${group.suspendReason}); resync it first`);
  const copying = group.pairs.find((pair) => pair.progress !== 'pair');
  if (copying) refuse('wrong-state', `pair ${copying.name} of group ${group.name} is still being copied`);
  if (currentGeneration(group) !== expected.generation || tail.sequence !== expected.sequence) {
    refuse(
      'moved-on',
      `the last write of group ${group.name} is number ${tail.sequence} of generation ${currentGeneration(group)}, ` +
        `not ${expected.sequence} of ${expected.generation}`,
    );
  }
  return {
    ...withoutLoss(group),
    role: 'auxiliary',
    following: true,
    expectedGeneration: '',
    purged: tail,
    restored: tail,
    toBeRestored: tail.sequence,
    read: tail,
    toBeRead: tail.sequence,
    readProof: 0,
    peerSeenSequence: 0,
    peerSeenWallMs: 0,
    pairs: group.pairs.map((pair) => ({ ...reversed(pair), copied: true, consistentFrom: 0 })),
  };
}

function alreadySwappedAway(group: GroupState, expected: LineagePosition): GroupState {
  const known = group.lineage.some((entry) => entry.generation === expected.generation);
  if (isActive(group) && group.following && known && group.read.sequence >= expected.sequence) return group;
  return refuse('wrong-state', `this array is auxiliary in group ${group.name} and was not primary at that write`);
}

/** Fig. 21: the old auxiliary, with everything restored. */
export function swapToPrimary(group: GroupState, expected: LineagePosition, generation: string): GroupState {
  if (group.role === 'primary') return alreadySwappedHere(group, expected);
  if (!isActive(group))
    refuse('wrong-state', `group ${group.name} is suspended (${group.suspendReason}); resync it first`);
  if (!isConsistent(group)) refuse('wrong-state', `the volumes of group ${group.name} are not consistent here yet`);
  if (currentGeneration(group) !== expected.generation || group.read.sequence !== expected.sequence) {
    refuse(
      'moved-on',
      `group ${group.name} holds write ${group.read.sequence} of generation ${currentGeneration(group)} as its last, ` +
        `not ${expected.sequence} of ${expected.generation}`,
    );
  }
  needAllRestored(group);
  return beginGeneration(
    { ...asPrimary(group), suspendReason: 'none', followFrom: expected },
    generation,
    expected.sequence,
  );
}

function alreadySwappedHere(group: GroupState, expected: LineagePosition): GroupState {
  const index = group.lineage.findIndex((entry) => entry.generation === expected.generation);
  const next = group.lineage[index + 1];
  if (index >= 0 && isActive(group) && next?.startSequence === expected.sequence) return group;
  return refuse('wrong-state', `this array is primary in group ${group.name} already, but not by this swap`);
}

/** Where a resync has been ordered and its primary never met, what was acquired before it will not be restored any more. */
function needAllRestored(group: GroupState): void {
  if (group.following && group.restored.sequence !== group.read.sequence) {
    refuse(
      'wrong-state',
      `group ${group.name} has restored write ${group.restored.sequence} of ${group.read.sequence} acquired: restore first`,
    );
  }
}

function asPrimary({ acceptsOlder: _accepted, ...group }: GroupState): GroupState {
  return {
    ...withoutLoss(group),
    role: 'primary',
    purged: group.restored,
    // Of an earlier time as primary; the numbers may have begun lower again since.
    ...(group.recovered && { recovered: { ...group.recovered, sequence: group.restored.sequence } }),
    toBeRead: group.read.sequence,
    // The numbers may have begun lower again since the pair was formed: those to come are all its own.
    pairs: group.pairs.map((pair) => ({
      ...reversed(pair),
      copied: false,
      consistentFrom: 0,
      startSequence: group.restored.sequence,
    })),
  };
}

/** What whoever orders a takeover puts up with, by name. */
export interface TakeoverTerms {
  /** The copy had not ended: the volumes are no state of the primary's. */
  readonly acceptInconsistent: boolean;
  /** The journal here is damaged: what it holds from there on is given up. */
  readonly giveUpDamaged: boolean;
}

/**
 * Takeover without the peer: writable, suspended, differences tracked. Volumes whose copy had not ended are no later state of
 * anything: their lineage begins here, so that whoever has the whole data does not follow them without being told to discard it.
 */
export function takeOver(group: GroupState, terms: TakeoverTerms, generation: string): GroupState {
  if (group.role === 'primary') return group;
  if (!isConsistent(group) && !terms.acceptInconsistent) {
    refuse('unsafe', `the copy of group ${group.name} had not ended: its volumes here are no state of the primary's`);
  }
  if (!group.journalDamaged) needAllRestored(group);
  else if (!terms.giveUpDamaged) refuseDamaged(group);
  const from = isConsistent(group) ? group : { ...group, lineage: [] };
  return beginGeneration(
    { ...asPrimary(from), suspendReason: 'takeover', tracking: true },
    generation,
    group.restored.sequence,
  );
}

function refuseDamaged(group: GroupState): never {
  const { restored, read } = group;
  return refuse(
    'unsafe',
    `record ${restored.sequence + 1} of the journal of group ${group.name} cannot be read here: the volumes end at write ` +
      `${restored.sequence}, and ${read.sequence - restored.sequence} writes up to ${read.sequence} would be given up`,
  );
}
