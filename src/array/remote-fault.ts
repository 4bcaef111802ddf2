import { LunError, type LunErrorKind, type SenseFacts } from '../lun/lun.ts';
import { checkCondition, SCSI_STATUS, ScsiFault } from '../scsi/fault.ts';
import { SENSE_KEY } from '../scsi/sense.ts';

/**
 * What a host is told when the far array behind a virtual volume did not do as asked.
 *
 * A lost far path is NOT READY 02/08/00 (logical unit communication failure): an initiator fails such a command at once
 * with a plain I/O error that multipathing takes for a path failure, and nothing has been done. HARDWARE ERROR would read
 * as a broken disk, for which nobody tries another path; 02/04/07 would be retried for minutes.
 *
 * A write that may or may not have been done, and any time-out, is ABORTED COMMAND (0B/08/00, 0B/08/01): never taken as
 * done, and retried by initiators, which is harmless for blocks and, by its request id, for an interface block.
 */
export function faultOfRemote(error: unknown, operation: 'read' | 'write' | 'flush' | 'open'): unknown {
  if (!(error instanceof LunError)) return error;
  const status = STATUS_OF[error.kind];
  // They would say that nothing was done: of a write in several commands some may have been.
  const inPart = operation === 'write' && error.outcome === 'unknown';
  if (status !== undefined && !inPart) return new ScsiFault(status, error.message);
  const { key, asc, ascq } = senseOf(error, operation);
  return checkCondition(key, asc, ascq, `${operation}: ${error.message}`);
}

/** Statuses of the far array that carry no sense. */
const STATUS_OF: Partial<Record<LunErrorKind, number>> = {
  'reservation-conflict': SCSI_STATUS.reservationConflict,
  busy: SCSI_STATUS.busy,
  'task-set-full': SCSI_STATUS.taskSetFull,
};

const { abortedCommand, dataProtect, hardwareError, illegalRequest, mediumError, notReady } = SENSE_KEY;
const MANUAL_INTERVENTION: SenseFacts = { key: notReady, asc: 0x04, ascq: 0x03 };
const COMMUNICATION_FAILURE = { asc: 0x08, ascq: 0x00 } as const;
const COMMUNICATION_TIMEOUT = { asc: 0x08, ascq: 0x01 } as const;

/** Where the far array gave no sense of its own. */
const SENSE_OF: Partial<Record<LunErrorKind, SenseFacts>> = {
  'no-path': { key: notReady, ...COMMUNICATION_FAILURE },
  timeout: { key: abortedCommand, ...COMMUNICATION_TIMEOUT },
  'write-protected': { key: dataProtect, asc: 0x27, ascq: 0x00 },
  'not-ready': { key: notReady, asc: 0x04, ascq: 0x07 },
  'no-medium': { key: notReady, asc: 0x3a, ascq: 0x00 },
  // Something else is there, or nothing, and waiting will not mend it.
  'no-such-lun': MANUAL_INTERVENTION,
  'refused-for-safety': MANUAL_INTERVENTION,
  'bad-argument': { key: illegalRequest, asc: 0x21, ascq: 0x00 },
};

const INTERNAL_TARGET_FAILURE: SenseFacts = { key: hardwareError, asc: 0x44, ascq: 0x00 };

function senseOf(error: LunError, operation: string): SenseFacts {
  if (error.sense) return error.sense;
  if (operation === 'write' && error.outcome === 'unknown') {
    return { key: abortedCommand, ...(error.kind === 'timeout' ? COMMUNICATION_TIMEOUT : COMMUNICATION_FAILURE) };
  }
  if (error.kind === 'io-error') return { key: mediumError, asc: operation === 'read' ? 0x11 : 0x0c, ascq: 0x00 };
  return SENSE_OF[error.kind] ?? INTERNAL_TARGET_FAILURE;
}
