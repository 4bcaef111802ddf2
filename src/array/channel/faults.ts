import { describeViolation, type Decoded } from '../../base/violation.ts';
import { checkCondition, SCSI_STATUS, ScsiFault } from '../../scsi/fault.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';

/** The refusals of the channel, each with the sense that SPC-4 and SBC-3 give it. */

export function invalidFieldInCdb(byte: number, bit: number | undefined, why: string): ScsiFault {
  return new ScsiFault(SCSI_STATUS.checkCondition, `invalid field in CDB: ${why}`, {
    key: SENSE_KEY.illegalRequest,
    asc: 0x24,
    ascq: 0x00,
    field: { inCdb: true, byte, ...(bit === undefined ? {} : { bit }) },
  });
}

export function invalidParameter(why: string): ScsiFault {
  return checkCondition(SENSE_KEY.illegalRequest, 0x26, 0x00, `invalid field in parameter list: ${why}`);
}

export function parameterListLengthError(why: string): ScsiFault {
  return checkCondition(SENSE_KEY.illegalRequest, 0x1a, 0x00, `parameter list length error: ${why}`);
}

/** SPC-4 5.13.7: a registration beyond what the unit keeps. */
export function insufficientRegistrationResources(): ScsiFault {
  return checkCondition(SENSE_KEY.illegalRequest, 0x55, 0x04, 'the unit keeps no more registrations');
}

export function invalidOpcode(opcode: number): ScsiFault {
  const hex = opcode.toString(16).padStart(2, '0');
  return checkCondition(SENSE_KEY.illegalRequest, 0x20, 0x00, `operation code ${hex}h is not supported`);
}

export function noSuchUnit(): ScsiFault {
  return checkCondition(SENSE_KEY.illegalRequest, 0x25, 0x00, 'logical unit not supported');
}

export function lbaOutOfRange(lba: number, blockCount: number, capacity: number): ScsiFault {
  const message = `${blockCount} blocks at LBA ${lba} are not inside ${capacity} blocks`;
  return checkCondition(SENSE_KEY.illegalRequest, 0x21, 0x00, message);
}

export function notReady(why: string): ScsiFault {
  return checkCondition(SENSE_KEY.notReady, 0x04, 0x07, why);
}

export function mediumNotPresent(): ScsiFault {
  return checkCondition(SENSE_KEY.notReady, 0x3a, 0x02, 'medium not present, tray open');
}

export function mediumRemovalPrevented(): ScsiFault {
  return checkCondition(SENSE_KEY.illegalRequest, 0x53, 0x02, 'medium removal prevented');
}

export function softwareWriteProtected(name: string): ScsiFault {
  return checkCondition(SENSE_KEY.dataProtect, 0x27, 0x02, `${name} is write protected by its control mode page`);
}

/** A copy that its copy manager gave up: key COPY ABORTED, and why. */
export function copyAborted(asc: number, ascq: number, why: string): ScsiFault {
  return checkCondition(SENSE_KEY.copyAborted, asc, ascq, `copy aborted: ${why}`);
}

export function writeProtected(name: string): ScsiFault {
  return checkCondition(SENSE_KEY.dataProtect, 0x27, 0x00, `${name} is write protected`);
}

export function miscompare(offset: number): ScsiFault {
  return new ScsiFault(SCSI_STATUS.checkCondition, `first difference at byte ${offset}`, {
    key: SENSE_KEY.miscompare,
    asc: 0x1d,
    ascq: 0x00,
    information: offset,
  });
}

/** Fewer bytes arrived than the initiator announced: nothing may be taken from them. */
export function incompleteData(got: number, announced: number): ScsiFault {
  return checkCondition(SENSE_KEY.abortedCommand, 0x4b, 0x00, `${got} of ${announced} announced bytes arrived`);
}

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT']);

/**
 * What the array's own storage has failed at, or a mistake. A full disk is one that has no room for the blocks of a thin unit (SBC-3,
 * resource exhaustion): block layers know it as ENOSPC, and file systems as nothing worse.
 */
export function internalFailure(error: unknown): ScsiFault {
  const { code } = Object(error) as { readonly code?: unknown };
  if (typeof code === 'string' && NO_ROOM.has(code)) {
    return checkCondition(SENSE_KEY.dataProtect, 0x27, 0x07, `the array's disk has no room: ${String(error)}`);
  }
  return checkCondition(SENSE_KEY.hardwareError, 0x44, 0x00, `internal target failure: ${String(error)}`);
}

export function reservationConflict(): ScsiFault {
  return new ScsiFault(SCSI_STATUS.reservationConflict, 'another initiator holds a reservation');
}

/** The value, or INVALID FIELD IN CDB: the decoder says which field. */
export function cdbValue<T>(result: Decoded<T>, byte: number): T {
  if (!result.ok) throw invalidFieldInCdb(byte, undefined, describeViolation(result.violation));
  return result.value;
}
