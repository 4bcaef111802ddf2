import type { CommandOutcome } from '../command-device/types.ts';
import { refusal } from '../command-device/request-table.ts';
import type { AccessDescription } from './description.ts';
import type { CommandOrigin } from './guard.ts';
import { grantOf, initiatorOf } from './visibility.ts';

/** Signed queries whose first asker is remembered. */
export const REMEMBERED_QUERIES = 4096;

/**
 * Who asked each signed query first. A change that is written again gets its recorded outcome; a query would be carried out
 * anew, for whoever has overheard it. Written again by the one who asked it is a retry, over whichever of its paths; by another
 * it is refused, and a host that comes by another array now asks anew.
 *
 * In memory alone: nothing depends on it but what an answer tells.
 */
export interface QueryReplay {
  refusalOf(asked: AskedQuery, access: AccessDescription): CommandOutcome | undefined;
}

export interface AskedQuery {
  readonly origin: CommandOrigin;
  readonly requestId: string;
  readonly keyName: string;
}

export function createQueryReplay(limit = REMEMBERED_QUERIES): QueryReplay {
  const askers = new Map<string, string>();

  return {
    refusalOf({ origin, requestId, keyName }, access) {
      const query = `${requestId} ${keyName}`;
      const asker = askerOf(origin, access);
      const first = askers.get(query);
      if (first !== undefined && first !== asker) {
        return refusal('request-expired', 'another initiator has asked this query before: ask anew');
      }
      askers.delete(query);
      askers.set(query, asker);
      const [oldest] = askers.keys();
      if (askers.size > limit && oldest !== undefined) askers.delete(oldest);
      return undefined;
    },
  };
}

/** All hosts behind another array have its name, but each a port of its own. A host's own ports are its paths. */
function askerOf({ nexus = '' }: CommandOrigin, access: AccessDescription): string {
  const initiator = initiatorOf(nexus);
  return grantOf(access, initiator)?.role === 'signed' ? nexus : initiator;
}
