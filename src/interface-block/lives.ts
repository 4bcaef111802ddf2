/**
 * Lives tell whether an array goes on from where it stood when it was last seen, or came back from an older copy of its
 * storage: numbers are used again then, for other data. A side of a group begins a life of its own, under a random name,
 * at each start; its list of lives says how far it had come when each of them began.
 */
export interface Standing {
  /** The life; all zeros: none. */
  readonly life: string;
  /** Changes of the group's tables until then. */
  readonly changes: number;
  /** Last write until then; counts among standings of equal `changes`. */
  readonly sequence: number;
}

export const NO_LIFE = '0000000000000000';

/** Lives that are kept, the newest. One in which nobody has seen the array leaves no trace. */
export const LIVES_LIMIT = 32;

/** Not known yet, or of no meaning: further than any other. */
export const ANY_SEQUENCE = Number.MAX_SAFE_INTEGER;

/** Whether the side with these lives, oldest first, has been through `seen`. */
export function hasBeenThrough(lives: readonly Standing[], seen: Standing): boolean {
  const index = lives.findIndex((entry) => entry.life === seen.life);
  const next = lives[index + 1];
  return index >= 0 && (next === undefined || !isBeyond(seen, next));
}

function isBeyond(one: Standing, other: Standing): boolean {
  return one.changes > other.changes || (one.changes === other.changes && one.sequence > other.sequence);
}

export function isSameStanding(one: Standing, other: Standing | undefined): boolean {
  return one.life === other?.life && one.changes === other.changes && one.sequence === other.sequence;
}
