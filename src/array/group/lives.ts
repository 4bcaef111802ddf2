import {
  ANY_SEQUENCE,
  hasBeenThrough,
  isSameStanding,
  LIVES_LIMIT,
  NO_LIFE,
  type Standing,
} from '../../interface-block/lives.ts';
import type { JournalHeader } from '../journal/header.ts';
import type { GroupState } from '../store/array-state.ts';

/** Storage that came back from an older copy, found by what each side remembers of the other: `lives.ts` below has the rule. */

/**
 * The array starts. A life that the peer may have seen has ended where the tables stand now; one that it cannot have seen
 * is forgotten, so that an array that starts again and again does not lose the lives that matter.
 */
export function beginLife(group: GroupState, life: string): GroupState {
  const { lifeShown, ...rest } = group;
  const lives = group.lives ?? [];
  const unseen = lifeShown ? undefined : lives.at(-1);
  const kept = unseen ? lives.slice(0, -1) : lives;
  const { changes, sequence } = unseen ?? { changes: group.changes ?? 0, sequence: ANY_SEQUENCE };
  return { ...rest, lives: [...kept, { life, changes, sequence }].slice(-LIVES_LIMIT) };
}

/** The journal has been looked at: the life before ended with this record. */
export function endedAt(group: GroupState, sequence: number): GroupState {
  const lives = group.lives ?? [];
  const last = lives.at(-1);
  if (last?.sequence !== ANY_SEQUENCE) return group;
  return { ...group, lives: [...lives.slice(0, -1), { ...last, sequence }] };
}

export function showLife(group: GroupState): GroupState {
  return group.lifeShown ? group : { ...group, lifeShown: true };
}

export const currentLife = (group: GroupState): string => group.lives?.at(-1)?.life ?? NO_LIFE;

/** Where the side stood that made the header. */
export function standingOf(header: JournalHeader): Standing | undefined {
  const life = header.lives.at(-1)?.life;
  return life === undefined ? undefined : { life, changes: header.changes, sequence: header.storedSequence };
}

/** Where that side has seen this one. */
export function seenBy(header: JournalHeader): Standing | undefined {
  if (header.seenLife === NO_LIFE) return undefined;
  return { life: header.seenLife, changes: header.seenChanges, sequence: header.seenSequence };
}

export type OlderCopy = 'older-copy' | 'peer-older-copy';

/** Which side, if any, came back from an older copy. A side that has never met its primary has nothing to compare. */
export function olderCopyOf(group: GroupState, header: JournalHeader): OlderCopy | undefined {
  if (group.lineage.length === 0) return undefined;
  if (group.peerLife && !hasBeenThrough(header.lives, group.peerLife)) return 'peer-older-copy';
  const seen = seenBy(header);
  if (!seen || isSameStanding(seen, group.forgiven) || hasBeenThrough(group.lives ?? [], seen)) return undefined;
  return 'older-copy';
}

/** The header is believed: the peer must have been through this from now on. */
export function meet(group: GroupState, header: JournalHeader): GroupState {
  const standing = standingOf(header);
  return standing ? { ...group, peerLife: standing } : group;
}

/** The primary is followed whatever was seen before; what differs has been marked. */
export function forgive(group: GroupState, header: JournalHeader): GroupState {
  const { acceptsOlder: _accepted, forgiven: _forgiven, ...rest } = group;
  const seen = seenBy(header);
  return meet(seen && !hasBeenThrough(group.lives ?? [], seen) ? { ...rest, forgiven: seen } : rest, header);
}

export function isOlderCopy(group: GroupState): boolean {
  return group.suspendReason === 'older-copy' || group.suspendReason === 'peer-older-copy';
}

/** One line for people: what happened to whom, and the way out. */
export function olderCopyWords(group: GroupState, which: string = group.suspendReason): string {
  const who = which === 'older-copy' ? 'this array' : `array ${group.peerSerial}`;
  return (
    `${who} has not been through what the other side has seen of it in group ${group.name}: its storage came back from an ` +
    `older copy, or the group was formed anew there; a resync that discards one side by name copies everything`
  );
}
