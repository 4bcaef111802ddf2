/** SAM status bytes in use. */
export const SCSI_STATUS = {
  good: 0x00,
  checkCondition: 0x02,
  conditionMet: 0x04,
  busy: 0x08,
  reservationConflict: 0x18,
  taskSetFull: 0x28,
  acaActive: 0x30,
  taskAborted: 0x40,
} as const;

export interface Sense {
  readonly key: number;
  readonly asc: number;
  readonly ascq: number;
  /** INFORMATION field, where valid. */
  readonly information?: number;
  /** COMMAND-SPECIFIC INFORMATION; COPY ABORTED: the segment, from 0, that was being copied (SPC-3 6.3.3). */
  readonly commandSpecific?: number;
  /** NOT READY and NO SENSE: how far the operation has come, of 65536 (SPC-4 4.5.2.4.5). */
  readonly progress?: number;
  /** ILLEGAL REQUEST: which byte (and bit) of the CDB or of the parameter list is wrong (SPC-4 4.5.2.4.2). */
  readonly field?: { readonly inCdb: boolean; readonly byte: number; readonly bit?: number };
}

/** A command that ends with another status than GOOD; thrown by logical units, answered by the device server. */
export class ScsiFault extends Error {
  override readonly name = 'ScsiFault';
  readonly status: number;
  readonly sense: Sense | undefined;

  constructor(status: number, message: string, sense?: Sense) {
    super(message);
    this.status = status;
    this.sense = sense;
  }
}

/** The task was given up by its host or by another one, and did no more. */
export function taskAborted(): ScsiFault {
  return new ScsiFault(SCSI_STATUS.taskAborted, 'task aborted');
}

export function checkCondition(key: number, asc: number, ascq: number, message: string): ScsiFault {
  return new ScsiFault(SCSI_STATUS.checkCondition, message, { key, asc, ascq });
}
