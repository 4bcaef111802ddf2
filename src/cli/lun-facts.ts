import { decodeLabel, type Label } from '../interface-block/label.ts';
import { LABEL_SIZE } from '../interface-block/geometry.ts';
import { isUnfinished } from './transfer/marker.ts';
import { LunError, type Lun, type LunCapacity, type LunErrorKind } from '../lun/lun.ts';

/** A unit that is not ready or reserved can still be shown; a path that fails is no answer about the LUN. */
const SHOWN_UNREAD: readonly LunErrorKind[] = [
  'not-ready',
  'no-medium',
  'reservation-conflict',
  'check-condition',
  'io-error',
];

export interface FirstBlocks {
  /** Of a command device. */
  readonly label?: Label;
  /** A copy onto this LUN was begun and has not ended. */
  readonly unfinishedCopy: boolean;
}

/** What the first blocks say of a LUN; nothing where they cannot be read now. */
export async function readFirstBlocks(lun: Lun, capacity: LunCapacity, timeoutMs: number): Promise<FirstBlocks> {
  const blocks = Math.min(capacity.blockCount, Math.ceil(LABEL_SIZE / capacity.blockSize));
  const bytes = await lun.read(0, blocks, { timeoutMs }).catch(unreadable);
  if (!bytes) return { unfinishedCopy: false };
  const label = bytes.length >= LABEL_SIZE ? decodeLabel(bytes.subarray(0, LABEL_SIZE)) : undefined;
  return { unfinishedCopy: isUnfinished(bytes), ...(label?.ok && { label: label.value }) };
}

function unreadable(error: unknown): undefined {
  if (error instanceof LunError && SHOWN_UNREAD.includes(error.kind)) return undefined;
  throw error;
}
