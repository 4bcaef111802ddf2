import { isAncestor, type LineagePosition } from '../../interface-block/lineage.ts';
import {
  PAIRS_PER_GROUP_LIMIT,
  type LineageEntry,
  type RequestOf,
  type SuspendReason,
} from '../../interface-block/process-table.ts';
import type { Standing } from '../../interface-block/lives.ts';
import { LINEAGE_LIMIT } from '../journal/header.ts';
import { refuse } from '../refusal.ts';
import { isOlderCopy, olderCopyWords } from './lives.ts';
import {
  currentGeneration,
  isActive,
  NO_GENERATION,
  START,
  type GroupState,
  type PairState,
  type Position,
} from '../store/array-state.ts';

/**
 * The table of events on a group: each function takes the state and the event and gives the next state, the same state
 * where nothing changes (a command that is run again), or throws a `CommandRefusal`. Pure; who may call when, and what
 * must be durable before, is in `group-runtime.ts`.
 */

type CreateRequest = RequestOf<'pair.create'>['header'];

function needRole(group: GroupState, role: GroupState['role'], what: string): void {
  if (group.role !== role) {
    refuse('wrong-state', `${what} needs the ${role} side; this array is ${group.role} in group ${group.name}`);
  }
}

/** Pair formation: a new group with no pair yet. `generation` is drawn by the primary, empty on the auxiliary. */
export function newGroup(request: CreateRequest, generation: string): GroupState {
  const primary = request.role === 'primary';
  return {
    name: request.group,
    role: primary ? 'primary' : 'auxiliary',
    suspendReason: 'none',
    tracking: false,
    peerSerial: primary ? request.auxiliarySerial : request.primarySerial,
    localJournalLun: primary ? request.primaryJournalLun : request.auxiliaryJournalLun,
    peerJournalLun: primary ? request.auxiliaryJournalLun : request.primaryJournalLun,
    lineage: primary ? [{ generation, startSequence: 0 }] : [],
    followFrom: { generation: primary ? generation : NO_GENERATION, sequence: 0 },
    purged: START,
    following: primary,
    expectedGeneration: '',
    restored: START,
    toBeRestored: 0,
    read: START,
    toBeRead: 0,
    readProof: 0,
    peerSeenSequence: 0,
    peerSeenWallMs: 0,
    pairs: [],
    nextSlot: 0,
  };
}

/** Adds a pair. The primary gives it the next slot; the auxiliary takes the slot that its primary's header names. */
export function addPair(group: GroupState, request: CreateRequest, startSequence: number, slot: number): GroupState {
  if (!isActive(group)) refuse('wrong-state', `group ${group.name} is suspended: resync it before adding a pair`);
  if (group.role !== request.role) {
    refuse('wrong-state', `this array is ${group.role} in group ${group.name}, not ${request.role}`);
  }
  const holder = group.pairs.find((candidate) => candidate.slot === slot);
  if (holder)
    refuse('wrong-state', `pair ${holder.name} of group ${group.name} has slot ${slot} here; delete it first`);
  if (slot >= PAIRS_PER_GROUP_LIMIT) {
    refuse('limit-reached', `group ${group.name} has given out all of its ${PAIRS_PER_GROUP_LIMIT} slots`);
  }
  const pair: PairState = {
    name: request.pair,
    slot,
    primaryLun: request.primaryLun,
    auxiliaryLun: request.auxiliaryLun,
    progress: 'copy',
    copied: false,
    consistentFrom: 0,
    startSequence,
    copyBegun: false,
    copyChunks: 0,
    noCopy: request.noCopy,
    fresh: request.role === 'primary',
  };
  return { ...group, pairs: [...group.pairs, pair], nextSlot: Math.max(group.nextSlot, slot + 1) };
}

export function removePair(group: GroupState, name: string): GroupState {
  return { ...group, pairs: group.pairs.filter((pair) => pair.name !== name) };
}

/** Split, journal full, an error, or news that the peer has suspended. `tail` is the last record stored here. */
export function suspend(group: GroupState, reason: SuspendReason, tail: Position): GroupState {
  if (!isActive(group)) return group;
  if (group.role === 'primary') {
    return { ...withoutLoss(group), suspendReason: reason, tracking: false, purged: tail };
  }
  return { ...group, suspendReason: reason, toBeRead: group.read.sequence };
}

/** What the volumes of `slots` did not get before the suspension stays in the journal for them. */
export function owing(group: GroupState, slots: readonly number[], from: Position, to: number): GroupState {
  return slots.length === 0 || from.sequence >= to ? group : { ...group, owed: { slots, from, to } };
}

export function withoutDebt(group: GroupState, slot: number): GroupState {
  const { owed, ...rest } = group;
  const slots = owed?.slots.filter((other) => other !== slot) ?? [];
  return owed && slots.length > 0 ? { ...rest, owed: { ...owed, slots } } : rest;
}

/** From here on the journal is no matter any more: nothing in it is to follow. */
export function withoutLoss(group: GroupState): GroupState {
  const { journalLost: _lost, journalLostTo: _to, givenUpTo: _given, ...rest } = withoutDamage(group);
  return rest;
}

/** The journal can be read after all, or is no matter any more. */
export function withoutDamage(group: GroupState): GroupState {
  const { journalDamaged: _damaged, ...rest } = group;
  return rest;
}

/**
 * The record behind `reached` cannot be read: an auxiliary stops there, with its volumes as they were before that write. The
 * order to restore counts as carried out, so that nothing waits for it.
 */
export function noteDamage(group: GroupState, reached: Position): GroupState {
  if (group.role !== 'auxiliary') return group;
  const stopped = suspend(settle(group, reached), 'error', group.read);
  return { ...stopped, toBeRestored: reached.sequence, journalDamaged: true };
}

/** The first write after a suspension begins a new generation: from here on the peer's data is only an ancestor. */
export function startTracking(group: GroupState, generation: string): GroupState {
  if (group.role !== 'primary' || isActive(group) || group.tracking) return group;
  return { ...beginGeneration(group, generation, group.purged.sequence), tracking: true };
}

export function beginGeneration(group: GroupState, generation: string, startSequence: number): GroupState {
  const lineage = [...group.lineage, { generation, startSequence }].slice(-LINEAGE_LIMIT);
  return { ...group, lineage };
}

/** Resync on the side that is, and stays, primary: journal flows again, from an empty journal. */
export function resumePrimary(group: GroupState, tail: Position): GroupState {
  needRole(group, 'primary', 'resync with role primary');
  if (isActive(group)) return group;
  return {
    ...group,
    suspendReason: 'none',
    tracking: false,
    purged: tail,
    followFrom: { generation: currentGeneration(group), sequence: tail.sequence },
    pairs: group.pairs.map(recopied),
  };
}

/** The pair management table swaps copy source and destination (S2002, S2101). */
export function reversed(pair: PairState): PairState {
  return { ...pair, primaryLun: pair.auxiliaryLun, auxiliaryLun: pair.primaryLun, fresh: false };
}

function recopied(pair: PairState): PairState {
  const fresh = pair.fresh === true && !pair.noCopy;
  return {
    ...pair,
    progress: 'copy',
    copied: false,
    consistentFrom: 0,
    copyBegun: false,
    copyChunks: 0,
    noCopy: false,
    fresh,
  };
}

/** An auxiliary whose journal cannot be restored any more: suspended, and of no use before a resync. */
export function loseCopy(group: GroupState): GroupState {
  return { ...suspend(group, 'error', group.read), suspendReason: 'error', pairs: group.pairs.map(recopied) };
}

/**
 * Where this side's data stands: what it would lose, if anything, by following another. A generation that began with a
 * swap and has seen no write yet adds nothing to the one before it.
 */
export function positionOf(group: GroupState, tail: Position): LineagePosition {
  if (group.role === 'auxiliary') return { generation: currentGeneration(group), sequence: group.read.sequence };
  const { generation, sequence } = group.followFrom;
  const unwritten = tail.sequence === sequence && !group.tracking;
  return { generation: unwritten ? generation : currentGeneration(group), sequence: tail.sequence };
}

/** Resync on the side that becomes, or stays, auxiliary to the primary with the given lineage. */
export function becomeAuxiliary(
  group: GroupState,
  request: { generation: string; discard: boolean; lineage: readonly LineageEntry[] },
  tail: Position,
): GroupState {
  if (group.role === 'auxiliary' && isActive(group) && followsAlready(group, request.generation)) return group;
  const nothing = holdsNothing(group);
  if (isOlderCopy(group) && !nothing && !request.discard) {
    refuse('unsafe', olderCopyWords(group));
  }
  const position = positionOf(group, tail);
  if (!nothing && !request.discard && !isAncestor(position, request.lineage)) {
    refuse(
      'split-brain',
      `this array holds writes of group ${group.name} that the other side never had ` +
        `(generation ${position.generation} up to write ${position.sequence}); they would be lost`,
    );
  }
  return {
    ...withoutLoss(group),
    // Stays where it was said before, until the first contact.
    ...(nothing || request.discard ? { acceptsOlder: true as const } : {}),
    role: 'auxiliary',
    suspendReason: 'none',
    tracking: false,
    following: false,
    expectedGeneration: request.generation,
    pairs: group.pairs.map((pair) => recopied(group.role === 'primary' ? reversed(pair) : pair)),
  };
}

/** Before its first contact, and while a copy overwrites what it had, an auxiliary has nothing that could be lost. */
export function holdsNothing(group: GroupState): boolean {
  const copying = group.role === 'auxiliary' && group.pairs.every((pair) => pair.progress === 'copy' && pair.copyBegun);
  return copying || group.lineage.length === 0;
}

function followsAlready(group: GroupState, generation: string): boolean {
  return group.following ? currentGeneration(group) === generation : group.expectedGeneration === generation;
}

export function isConsistent(group: GroupState): boolean {
  return group.role === 'primary' || (group.pairs.length > 0 && group.pairs.every((pair) => pair.progress === 'pair'));
}

/** S1604. The clamp to what the primary has follows when it is read. */
export function acceptAcquisition(group: GroupState, toSequence: number): GroupState {
  needRole(group, 'auxiliary', 'journal acquisition');
  if (isOlderCopy(group)) refuse('unsafe', olderCopyWords(group));
  if (!isActive(group))
    refuse('wrong-state', `group ${group.name} is suspended (${group.suspendReason}): resync it first`);
  if (!group.following || toSequence <= group.toBeRead) return group;
  return { ...group, toBeRead: toSequence };
}

/**
 * The reading has come to `read`; S1608 compares it with the to-be-read pointer. A split takes that back while a batch is still on
 * its way: what arrives all the same was to be read.
 */
export function acquired(
  group: GroupState,
  read: Position,
  readProof: number,
  seen: { sequence: number; wallMs: number },
): GroupState {
  const toBeRead = Math.max(group.toBeRead, read.sequence);
  return { ...group, read, toBeRead, readProof, peerSeenSequence: seen.sequence, peerSeenWallMs: seen.wallMs };
}

/** Nothing more can be read now (the primary has no more, or the ring no room): the order counts as carried out. */
export function clampAcquisition(group: GroupState): GroupState {
  return group.toBeRead === group.read.sequence ? group : { ...group, toBeRead: group.read.sequence };
}

/** S1609. */
export function acceptRestore(group: GroupState, toSequence: number): GroupState {
  needRole(group, 'auxiliary', 'restore');
  if (toSequence > group.read.sequence) {
    refuse(
      'unsafe',
      `write ${toSequence} of group ${group.name} is not acquired; the last one acquired is ${group.read.sequence}`,
    );
  }
  if (!group.following || toSequence <= group.toBeRestored) return group;
  return { ...group, toBeRestored: toSequence };
}

/** Restoration has come to `restored`; pairs that have what they need become usable. */
export function settle(group: GroupState, restored: Position): GroupState {
  const pairs = group.pairs.map((pair) =>
    pair.progress === 'copy' && pair.copied && restored.sequence >= pair.consistentFrom
      ? { ...pair, progress: 'pair' as const }
      : pair,
  );
  return { ...group, restored, pairs };
}

/** S1610; `through` is the place behind the last record to free, `far` where the auxiliary stands. */
export function purge(
  group: GroupState,
  through: Position,
  copiedPairs: ReadonlySet<number>,
  far?: Standing,
): GroupState {
  const pairs = group.pairs.map((pair) =>
    copiedPairs.has(pair.slot) && pair.progress === 'copy'
      ? { ...pair, progress: 'pair' as const, fresh: false }
      : pair,
  );
  const moved = through.sequence > group.purged.sequence;
  if (!moved && pairs.every((pair, index) => pair === group.pairs[index])) return group;
  return { ...withPeer(group, far), purged: moved ? through : group.purged, pairs };
}

/** What the host brings late tells of an earlier time. */
function withPeer(group: GroupState, far: Standing | undefined): GroupState {
  return far && far.changes >= (group.peerLife?.changes ?? 0) ? { ...group, peerLife: far } : group;
}

export function updatePair(group: GroupState, slot: number, change: Partial<PairState>): GroupState {
  return { ...group, pairs: group.pairs.map((pair) => (pair.slot === slot ? { ...pair, ...change } : pair)) };
}
