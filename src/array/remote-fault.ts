import { LunError } from '../lun/lun.ts';
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
  return error instanceof LunError ? faultOf(error, operation) : error;
}

function faultOf(error: LunError, operation: string): ScsiFault {
  const say = (key: number, asc: number, ascq: number) =>
    checkCondition(key, asc, ascq, `${operation}: ${error.message}`);
  if (operation === 'write' && error.outcome === 'unknown') {
    return say(SENSE_KEY.abortedCommand, 0x08, error.kind === 'timeout' ? 0x01 : 0x00);
  }
  const sense = error.sense;
  switch (error.kind) {
    case 'reservation-conflict':
      return new ScsiFault(SCSI_STATUS.reservationConflict, error.message);
    case 'busy':
      return new ScsiFault(SCSI_STATUS.busy, error.message);
    case 'check-condition':
      return sense ? say(sense.key, sense.asc, sense.ascq) : say(SENSE_KEY.hardwareError, 0x44, 0x00);
    case 'write-protected':
      return sense ? say(sense.key, sense.asc, sense.ascq) : say(SENSE_KEY.dataProtect, 0x27, 0x00);
    case 'not-ready':
      return sense ? say(sense.key, sense.asc, sense.ascq) : say(SENSE_KEY.notReady, 0x04, 0x07);
    case 'no-path':
      return say(SENSE_KEY.notReady, 0x08, 0x00);
    case 'timeout':
      return say(SENSE_KEY.abortedCommand, 0x08, 0x01);
    case 'no-such-lun':
    case 'refused-for-safety':
      // Manual intervention required: something else is there, or nothing, and waiting will not mend it.
      return say(SENSE_KEY.notReady, 0x04, 0x03);
    case 'bad-argument':
      return say(SENSE_KEY.illegalRequest, 0x21, 0x00);
    case 'io-error':
      return operation === 'read' ? say(SENSE_KEY.mediumError, 0x11, 0x00) : say(SENSE_KEY.mediumError, 0x0c, 0x00);
  }
}
