import { isAncestor, type LineagePosition } from '../../interface-block/lineage.ts';
import { forgive, olderCopyOf, type OlderCopy } from './lives.ts';
import type { JournalHeader } from '../journal/header.ts';
import type { GroupState, Position } from '../store/array-state.ts';
import { positionOf } from './transitions.ts';

/** Who may follow whom, and how: what an auxiliary reads off the header of its primary's journal. */

/** First contact after create or resync: the primary's positions and lineage become this side's. */
export function follow(group: GroupState, header: JournalHeader): GroupState {
  const purged: Position = { sequence: header.purgedSequence, offset: header.purgedOffset };
  return {
    ...forgive(group, header),
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
  /** `everything`: the difference maps of an older copy are not to be believed. */
  | { readonly kind: 'adopt'; readonly everything: boolean }
  | { readonly kind: 'older-copy'; readonly which: OlderCopy }
  | { readonly kind: 'peer-suspended' }
  | { readonly kind: 'wait'; readonly why: string };

/** What an auxiliary makes of its primary's header. */
export function judgeHeader(group: GroupState, header: JournalHeader): Contact {
  if (header.role !== 'primary') return { kind: 'wait', why: `the peer is ${header.role}, not primary` };
  const which = olderCopyOf(group, header);
  if (!group.following) return judgeFirst(group, header, which);
  if (which) return { kind: 'older-copy', which };
  return header.suspendReason === 'none' && mayFollow(group, header) ? { kind: 'follow' } : { kind: 'peer-suspended' };
}

/** Before the first contact since create or resync. */
function judgeFirst(group: GroupState, header: JournalHeader, which: OlderCopy | undefined): Contact {
  if (header.suspendReason !== 'none') return { kind: 'wait', why: 'the primary stores no journal yet' };
  if (!isAwaited(group, header)) {
    return {
      kind: 'wait',
      why: 'another generation than announced: split the group, resync it',
    };
  }
  if (which && !group.acceptsOlder) return { kind: 'older-copy', which };
  return { kind: 'adopt', everything: which !== undefined };
}

/**
 * The generation that the resync announced, or one that came out of it: a write between the order to this side and the one to
 * the primary begins a new one, and the host that knows of it may be gone. Nothing is followed that the order did not name:
 * a primary in an older generation has not heard of the resync yet, and one of another lineage is not the one meant.
 */
function isAwaited({ expectedGeneration }: GroupState, { lineage }: JournalHeader): boolean {
  return expectedGeneration === '' || lineage.some(({ generation }) => generation === expectedGeneration);
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

/**
 * Whether an auxiliary at this position has met the primary since its last resync. What it said earlier about its pairs, in a
 * command that arrives late, must not end the copy of differences that it has never seen.
 */
export function hasFollowed(group: GroupState, position: LineagePosition): boolean {
  const place = group.lineage.findIndex((entry) => entry.generation === position.generation);
  const from = group.lineage.findIndex((entry) => entry.generation === group.followFrom.generation);
  return place >= 0 && place >= from && position.sequence >= group.followFrom.sequence;
}
