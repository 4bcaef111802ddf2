import type { JournalStatus } from '../host/operations.ts';
import { counted } from './counted.ts';
import { lastSeenSequence, lastSequence } from './lineage.ts';
import { isPresent, type ArrayObservation } from './observe.ts';

/** What a takeover leaves behind at the lost side. */
export interface Loss {
  readonly restoredSequence: number;
  /** Writes that are known to exist and are not here. */
  readonly knownMissingWrites: number;
  /** Of these: writes that had arrived and are given up, because the journal is damaged; absent where it is not. */
  readonly givenUpWrites?: number;
  /**
   * Writes that the old primary acknowledged after this moment (milliseconds since 1970 UTC) may be missing; absent where
   * the auxiliary has never seen its primary.
   */
  readonly unknownAfterMs?: number;
  /** One sentence for people. */
  readonly explanation: string;
}

/**
 * `last`: the journal status of the new primary right before it took over. With nothing known to be missing it has
 * everything up to the moment it last saw the primary (array clock); otherwise up to the newest write that it holds.
 */
export function lossOf(last: JournalStatus, peer: ArrayObservation): Loss {
  const seen = isPresent(peer) && peer.journal.role === 'primary' ? lastSequence(peer.journal) : 0;
  const newest = Math.max(seen, lastSeenSequence(last));
  const knownMissingWrites = Math.max(0, newest - last.restoredSequence);
  const unknownAfterMs = knownMissingWrites === 0 ? last.peerSeenWallMs : last.newestWallMs;
  return {
    restoredSequence: last.restoredSequence,
    knownMissingWrites,
    ...(last.damaged && { givenUpWrites: givenUp(last) }),
    ...(unknownAfterMs > 0 ? { unknownAfterMs } : {}),
    explanation: `${missing(knownMissingWrites)}${last.damaged ? `: ${givenUpWords(last)}` : ''}; ${after(unknownAfterMs)}`,
  };
}

const givenUp = (journal: JournalStatus): number => journal.readSequence - journal.restoredSequence;

/** What a journal that is damaged behind its last restored record holds in vain. */
export function givenUpWords(journal: JournalStatus): string {
  const { restoredSequence, readSequence } = journal;
  const writes = counted(givenUp(journal), 'write');
  const which =
    readSequence === restoredSequence + 1 ? `${readSequence}` : `${restoredSequence + 1} to ${readSequence}`;
  return `${writes} that had arrived (${which}) cannot be restored; the volumes hold every write up to ${restoredSequence}`;
}

function missing(writes: number): string {
  if (writes === 0) return 'no write is known to be missing';
  return `${counted(writes, 'write')} ${writes === 1 ? 'is' : 'are'} known to be missing`;
}

function after(wallMs: number): string {
  if (wallMs <= 0) return 'how much the old primary wrote beyond that is not known';
  return `what the old primary acknowledged after ${new Date(wallMs).toISOString()} may be missing`;
}
