import { LunError } from '../lun/lun.ts';

/**
 * Only a SCSI disk of the kernel passes RESERVATION CONFLICT on by name (EBADE). Under virtio, a loop device or QEMU an
 * occupied slot looks like a broken device (EIO): so many other slots are tried before the path counts as broken, each
 * after the label was read again.
 */
export const UNNAMED_CONFLICT_LIMIT = 8;

/** Whether the failure of a write to a slot may mean that another host occupies it. */
export function mayBeConflict(error: unknown): error is LunError {
  return error instanceof LunError && error.kind === 'io-error' && error.outcome === 'unknown';
}
