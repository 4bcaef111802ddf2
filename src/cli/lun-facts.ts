import { decodeLabel, type Label } from '../interface-block/label.ts';
import { LABEL_SIZE } from '../interface-block/geometry.ts';
import { LunError, type Lun, type LunCapacity, type LunErrorKind } from '../lun/lun.ts';

/** A unit that is not ready or reserved can still be shown; a path that fails is no answer about the LUN. */
const SHOWN_UNREAD: readonly LunErrorKind[] = ['not-ready', 'reservation-conflict', 'check-condition', 'io-error'];

/** The label of a command device; undefined where the LUN is none, or cannot be read now. */
export async function readLabel(lun: Lun, capacity: LunCapacity, timeoutMs: number): Promise<Label | undefined> {
  if (capacity.blockCount * capacity.blockSize < LABEL_SIZE) return undefined;
  const bytes = await lun.read(0, Math.ceil(LABEL_SIZE / capacity.blockSize), { timeoutMs }).catch(unreadable);
  const label = bytes && decodeLabel(bytes.subarray(0, LABEL_SIZE));
  return label?.ok ? label.value : undefined;
}

function unreadable(error: unknown): undefined {
  if (error instanceof LunError && SHOWN_UNREAD.includes(error.kind)) return undefined;
  throw error;
}
