/**
 * Where things lie on a command device, in bytes. Every write is a whole, aligned multiple of `WRITE_UNIT`, so that
 * disks with 4096-byte blocks work like those with 512.
 */

export const FORMAT_VERSION = 1;

/** The label fills the first write unit; its checked part is the first 512 bytes. */
export const LABEL_SIZE = 4096;
export const LABEL_CHECKED_SIZE = 512;

/** The challenge for signatures, behind the label; likewise. */
export const CHALLENGE_OFFSET = LABEL_SIZE;
export const CHALLENGE_SIZE = 4096;

/** What a host writes: one request part, at the start of a slot. */
export const WRITE_UNIT = 4096;
export const CONTROL_SIZE = 256;
export const INPUT_LIMIT = WRITE_UNIT - CONTROL_SIZE;

export const SLOT_SIZE = 16_384;
export const SLOT_COUNT = 64;
export const FIRST_SLOT_OFFSET = 16_384;

/** Edited data that one slot has room for; longer edited data comes in pages. */
export const PAGE_SIZE = SLOT_SIZE - WRITE_UNIT;

/** Edited data of one command at most: room for a row of `volume.list` for each of 65,536 LUNs. */
export const EDITED_DATA_LIMIT = 16 * 1024 * 1024;

/** Bytes of a command device: label, challenge, padding, slots. */
export const COMMAND_DEVICE_SIZE = FIRST_SLOT_OFFSET + SLOT_COUNT * SLOT_SIZE;

/** Executed commands whose outcome an array remembers. */
export const REMEMBERED_REQUESTS = 4096;

/** Byte offset of a slot on the LUN. */
export function slotOffset(slot: number): number {
  return FIRST_SLOT_OFFSET + slot * SLOT_SIZE;
}

if (SLOT_SIZE % WRITE_UNIT !== 0 || FIRST_SLOT_OFFSET % SLOT_SIZE !== 0 || PAGE_SIZE <= 0 || INPUT_LIMIT <= 0) {
  throw new Error('the geometry of the command device contradicts itself');
}
