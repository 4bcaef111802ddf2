import { isAncestor, type LineagePosition } from '../../interface-block/lineage.ts';
import { PAIRS_PER_GROUP_LIMIT, type LineageEntry, type RequestOf, type SuspendReason } from '../../interface-block/process-table.ts';
import type { JournalHeader } from '../journal/header.ts';
import { LINEAGE_LIMIT } from '../journal/header.ts';
import { CommandRefusal } from '../refusal.ts';
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

function refuse(status: CommandRefusal['status'], message: string): never {
  throw new CommandRefusal(status, message);
}

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
  if (holder) refuse('wrong-state', `pair ${holder.name} of group ${group.name} has slot ${slot} here; delete it first`);
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
  if (group.role === 'primary') return { ...group, suspendReason: reason, tracking: false, purged: tail };
  return { ...group, suspendReason: reason, toBeRead: group.read.sequence };
}

/** The first write after a suspension begins a new generation: from here on the peer's data is only an ancestor. */
export function startTracking(group: GroupState, generation: string): GroupState {
  if (group.role !== 'primary' || isActive(group) || group.tracking) return group;
  return { ...beginGeneration(group, generation, group.purged.sequence), tracking: true };
}

function beginGeneration(group: GroupState, generation: string, startSequence: number): GroupState {
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
function reversed(pair: PairState): PairState {
  return { ...pair, primaryLun: pair.auxiliaryLun, auxiliaryLun: pair.primaryLun, fresh: false };
}

function recopied(pair: PairState): PairState {
  const fresh = pair.fresh === true && !pair.noCopy;
  return { ...pair, progress: 'copy', copied: false, consistentFrom: 0, copyBegun: false, copyChunks: 0, noCopy: false, fresh };
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
  const position = positionOf(group, tail);
  if (!holdsNothing(group) && !request.discard && !isAncestor(position, request.lineage)) {
    refuse(
      'split-brain',
      `this array holds writes of group ${group.name} that the other side never had ` +
        `(generation ${position.generation} up to write ${position.sequence}); they would be lost`,
    );
  }
  return {
    ...group,
    role: 'auxiliary',
    suspendReason: 'none',
    tracking: false,
    following: false,
    expectedGeneration: request.generation,
    pairs: group.pairs.map((pair) => recopied(group.role === 'primary' ? reversed(pair) : pair)),
  };
}

/** Before its first contact, and while a copy overwrites what it had, an auxiliary has nothing that could be lost. */
function holdsNothing(group: GroupState): boolean {
  const copying = group.role === 'auxiliary' && group.pairs.every((pair) => pair.progress === 'copy');
  return copying || group.lineage.length === 0;
}

function followsAlready(group: GroupState, generation: string): boolean {
  return group.following ? currentGeneration(group) === generation : group.expectedGeneration === generation;
}

/** First contact after create or resync: the primary's positions and lineage become this side's. */
export function follow(group: GroupState, header: JournalHeader): GroupState {
  const purged: Position = { sequence: header.purgedSequence, offset: header.purgedOffset };
  return {
    ...group,
    following: true,
    expectedGeneration: '',
    lineage: header.lineage,
    purged,
    restored: purged,
    toBeRestored: purged.sequence,
    read: purged,
    toBeRead: purged.sequence,
    readProof: 0,
  };
}

export type Contact =
  | { readonly kind: 'follow' }
  | { readonly kind: 'adopt' }
  | { readonly kind: 'peer-suspended' }
  | { readonly kind: 'wait'; readonly why: string };

/** What an auxiliary makes of its primary's header. */
export function judgeHeader(group: GroupState, header: JournalHeader): Contact {
  if (header.role !== 'primary') return { kind: 'wait', why: `the peer is ${header.role}, not primary` };
  if (header.suspendReason !== 'none') {
    return group.following ? { kind: 'peer-suspended' } : { kind: 'wait', why: 'the primary stores no journal yet' };
  }
  if (!group.following) {
    const generation = header.lineage.at(-1)?.generation ?? '';
    const expected = group.expectedGeneration === '' || group.expectedGeneration === generation;
    return expected ? { kind: 'adopt' } : { kind: 'wait', why: 'the primary is in another generation than announced' };
  }
  return mayFollow(group, header) ? { kind: 'follow' } : { kind: 'peer-suspended' };
}

function mayFollow(group: GroupState, header: JournalHeader): boolean {
  const position = positionOf(group, group.read);
  const place = header.lineage.findIndex((entry) => entry.generation === position.generation);
  const from = header.lineage.findIndex((entry) => entry.generation === header.followGeneration);
  return (
    isAncestor(position, header.lineage) &&
    place >= from &&
    position.sequence >= header.followSequence &&
    position.sequence >= header.purgedSequence
  );
}

/** Fig. 20: the old primary. `tail` is its last record; `expected` what the host saw restored on the other side. */
export function swapToAuxiliary(group: GroupState, expected: LineagePosition, tail: Position): GroupState {
  if (group.role === 'auxiliary') return alreadySwappedAway(group, expected);
  if (!isActive(group)) refuse('wrong-state', `group ${group.name} is suspended (${group.suspendReason}); resync it first`);
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
    ...group,
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
  if (!isActive(group)) refuse('wrong-state', `group ${group.name} is suspended (${group.suspendReason}); resync it first`);
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

function asPrimary(group: GroupState): GroupState {
  return {
    ...group,
    role: 'primary',
    purged: group.restored,
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

/** Takeover without the peer: writable, suspended, differences tracked. */
export function takeOver(group: GroupState, acceptInconsistent: boolean, generation: string): GroupState {
  if (group.role === 'primary') return group;
  if (!isConsistent(group) && !acceptInconsistent) {
    refuse('unsafe', `the copy of group ${group.name} had not ended: its volumes here are no state of the primary's`);
  }
  needAllRestored(group);
  return beginGeneration({ ...asPrimary(group), suspendReason: 'takeover', tracking: true }, generation, group.restored.sequence);
}

export function isConsistent(group: GroupState): boolean {
  return group.role === 'primary' || (group.pairs.length > 0 && group.pairs.every((pair) => pair.progress === 'pair'));
}

/** S1604. The clamp to what the primary has follows when it is read. */
export function acceptAcquisition(group: GroupState, toSequence: number): GroupState {
  needRole(group, 'auxiliary', 'journal acquisition');
  if (!isActive(group)) refuse('wrong-state', `group ${group.name} is suspended (${group.suspendReason}): resync it first`);
  if (!group.following || toSequence <= group.toBeRead) return group;
  return { ...group, toBeRead: toSequence };
}

/** The reading has come to `read`; S1608 compares it with the to-be-read pointer. */
export function acquired(
  group: GroupState,
  read: Position,
  readProof: number,
  seen: { sequence: number; wallMs: number },
): GroupState {
  return { ...group, read, readProof, peerSeenSequence: seen.sequence, peerSeenWallMs: seen.wallMs };
}

/** Nothing more can be read now (the primary has no more, or the ring no room): the order counts as carried out. */
export function clampAcquisition(group: GroupState): GroupState {
  return group.toBeRead === group.read.sequence ? group : { ...group, toBeRead: group.read.sequence };
}

/** S1609. */
export function acceptRestore(group: GroupState, toSequence: number): GroupState {
  needRole(group, 'auxiliary', 'restore');
  if (toSequence > group.read.sequence) {
    refuse('unsafe', `write ${toSequence} of group ${group.name} is not acquired; the last one acquired is ${group.read.sequence}`);
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

/**
 * Whether an auxiliary at this position has met the primary since its last resync. What it said earlier about its pairs, in a
 * command that arrives late, must not end the copy of differences that it has never seen.
 */
export function hasFollowed(group: GroupState, position: LineagePosition): boolean {
  const place = group.lineage.findIndex((entry) => entry.generation === position.generation);
  const from = group.lineage.findIndex((entry) => entry.generation === group.followFrom.generation);
  return place >= 0 && place >= from && position.sequence >= group.followFrom.sequence;
}

/** S1610; `through` is the place behind the last record to free. */
export function purge(group: GroupState, through: Position, copiedPairs: ReadonlySet<number>): GroupState {
  const pairs = group.pairs.map((pair) =>
    copiedPairs.has(pair.slot) && pair.progress === 'copy' ? { ...pair, progress: 'pair' as const, fresh: false } : pair,
  );
  const moved = through.sequence > group.purged.sequence;
  if (!moved && pairs.every((pair, index) => pair === group.pairs[index])) return group;
  return { ...group, purged: moved ? through : group.purged, pairs };
}

export function updatePair(group: GroupState, slot: number, change: Partial<PairState>): GroupState {
  return { ...group, pairs: group.pairs.map((pair) => (pair.slot === slot ? { ...pair, ...change } : pair)) };
}
