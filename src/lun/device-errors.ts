import { LunError, type LunErrorKind } from './lun.ts';

interface Meaning {
  readonly kind: LunErrorKind;
  readonly outcome: 'not-done' | 'unknown';
  readonly words: string;
}

/**
 * What the kernel's error numbers mean on a block device, by Linux number: Node has no names for some of them. The
 * SCSI layer reports the precise ones to O_DIRECT users only (`blk_status_t` and `errno` in Linux's block/blk-core.c; which
 * sense becomes which of them: drivers/scsi/scsi_error.c and scsi_lib.c).
 */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map(
  Object.entries({
    1: meaning('no-path', 'not-done', 'not permitted: block devices need root or the group "disk"'),
    2: meaning('no-path', 'not-done', 'no such device'),
    5: meaning(
      'io-error',
      'unknown',
      'input/output error: the kernel has no better name for it (NOT READY, ABORTED COMMAND, a lost path; under virtio and loop devices any SCSI condition); its log says more',
    ),
    6: meaning('no-path', 'unknown', 'the device is gone'),
    11: meaning('busy', 'not-done', 'the device can take no request now'),
    13: meaning('no-path', 'not-done', 'permission denied: block devices need root or the group "disk"'),
    16: meaning('busy', 'not-done', 'the device is in use'),
    19: meaning('no-path', 'unknown', 'the device is gone'),
    20: meaning('no-path', 'not-done', 'no such device: what stands before the last / is no directory'),
    22: meaning('io-error', 'not-done', 'the kernel takes no such request on this device'),
    28: meaning(
      'io-error',
      'unknown',
      'DATA PROTECT, space allocation failed: the thin pool behind the device is full',
    ),
    30: meaning('write-protected', 'not-done', 'the device is read-only'),
    52: meaning('reservation-conflict', 'not-done', 'RESERVATION CONFLICT: the device is reserved for another host'),
    61: meaning('io-error', 'unknown', 'MEDIUM ERROR: the blocks cannot be read or written'),
    62: meaning('timeout', 'unknown', 'the device did not answer in time'),
    67: meaning('no-path', 'unknown', 'transport failure: the kernel has lost its paths to the device'),
    84: meaning('check-condition', 'unknown', 'protection information does not match'),
    110: meaning('timeout', 'unknown', 'the device did not answer in time'),
    121: meaning(
      'check-condition',
      'unknown',
      'the device refused the request: ILLEGAL REQUEST, WRITE PROTECTED, MISCOMPARE or HARDWARE ERROR (its sense data stands in the kernel log)',
    ),
    123: meaning('no-medium', 'not-done', 'there is no medium'),
  }).map(([errno, entry]) => [Number(errno), entry]),
);

const EPERM = 1;
/** Linux opens a read-only block device for writing, and refuses each write with EPERM instead (block/fops.c, blkdev_write_iter). */
const EROFS = 30;

/** `what` was attempted: "READ of 8 blocks at block 0". The outcome of anything but a write is `not-done`. */
export function deviceError(path: string, what: string, error: unknown, writing = false): LunError {
  if (error instanceof LunError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const errno = Math.abs(Number((error as { errno?: unknown } | null)?.errno ?? 0));
  const meant = MEANINGS.get(writing && errno === EPERM ? EROFS : errno);
  const found = meant ?? meaning('io-error', 'unknown', 'the operating system failed');
  return new LunError(found.kind, path, `${path}: ${what}: ${found.words} (${message})`, {
    outcome: writing ? found.outcome : 'not-done',
    cause: error,
  });
}

function meaning(kind: LunErrorKind, outcome: Meaning['outcome'], words: string): Meaning {
  return { kind, outcome, words };
}
