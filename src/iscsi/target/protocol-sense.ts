/**
 * Sense data for faults that the transport itself finds (RFC 7143 section 11.4.7.2): fixed format, current error. The
 * engine knows no other sense; what the device server gives is passed on as it is.
 */
function fixedSense(key: number, asc: number, ascq: number): Uint8Array {
  const sense = new Uint8Array(18);
  sense[0] = 0x70;
  sense[2] = key;
  sense[7] = sense.length - 8;
  sense[12] = asc;
  sense[13] = ascq;
  return sense;
}

const ABORTED_COMMAND = 0x0b;

export const PROTOCOL_SENSE = {
  unexpectedUnsolicitedData: fixedSense(ABORTED_COMMAND, 0x0c, 0x0c),
  incorrectAmountOfData: fixedSense(ABORTED_COMMAND, 0x0c, 0x0d),
  crcError: fixedSense(ABORTED_COMMAND, 0x47, 0x05),
  dataSequenceError: fixedSense(ABORTED_COMMAND, 0x4b, 0x00),
  /** Data-Out announced beyond what a command may carry here: INVALID FIELD IN CDB. */
  transferTooLong: fixedSense(0x05, 0x24, 0x00),
  /** The device server failed without an answer: HARDWARE ERROR, INTERNAL TARGET FAILURE. */
  internalFailure: fixedSense(0x04, 0x44, 0x00),
} as const;

export const CHECK_CONDITION = 0x02;
