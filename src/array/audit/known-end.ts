import type { Storage } from '../../base/storage.ts';
import { readStateLog } from '../store/state-log.ts';
import { tablesOf } from '../store/state-store.ts';
import type { ChainEnd } from './chain.ts';

/**
 * The last record of the audit of which the tables know; reads only. Undefined where they know of none, or cannot be read:
 * that is found elsewhere.
 */
export function knownAuditEnd(storage: Storage, serial: string): ChainEnd | undefined {
  try {
    return tablesOf(readStateLog(storage).records, serial).audit;
  } catch {
    return undefined;
  }
}
