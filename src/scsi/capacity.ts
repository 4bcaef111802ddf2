import { readU32, readU64, writeU16, writeU32, writeU64 } from '../base/bytes.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';

/** READ CAPACITY data (SBC-3 5.15, 5.16). Capacities are block counts; the wire carries the last LBA. */
export interface Capacity {
  /** Bytes in a block. */
  readonly blockSize: number;
  readonly blockCount: number;
}

export interface LongCapacity extends Capacity {
  /** LBPPBE: 2^n logical blocks in a physical one. */
  readonly physicalExponent: number;
  /** LBPME: thin provisioning. */
  readonly thin: boolean;
  /** LBPRZ: a block that was given back reads as zeros. */
  readonly readsZeros: boolean;
  /** LOWEST ALIGNED LOGICAL BLOCK ADDRESS: where a physical block begins. */
  readonly lowestAlignedLba: number;
  /** 0 without protection information, else its type 1 to 3. */
  readonly protectionType: number;
}

const SHORT_LENGTH = 8;
const LONG_LENGTH = 32;

/** 8 bytes; a last LBA that does not fit reads FFFFFFFFh: ask READ CAPACITY(16). */
export function encodeCapacity10(capacity: Capacity): Uint8Array {
  const bytes = new Uint8Array(SHORT_LENGTH);
  writeU32(bytes, 0, Math.min(capacity.blockCount - 1, 0xffff_ffff));
  writeU32(bytes, 4, capacity.blockSize);
  return bytes;
}

/** `undefined` stands for "more than 32 bits": ask READ CAPACITY(16). */
export function decodeCapacity10(bytes: Uint8Array): Decoded<Capacity | undefined> {
  if (bytes.length < SHORT_LENGTH)
    return violated('READ CAPACITY(10)', `${bytes.length} bytes`, `${SHORT_LENGTH} bytes`);
  const lastLba = readU32(bytes, 0);
  if (lastLba === 0xffff_ffff) return decoded(undefined);
  return checked('READ CAPACITY(10)', lastLba + 1, readU32(bytes, 4));
}

/** LBPME and LBPRZ, above the upper bits of the lowest aligned LBA. */
const THIN = 0x80;
const READS_ZEROS = 0x40;

/** 32 bytes; without more, a thin unit reads as zeros where a block was given back, and physical blocks begin where it does. */
export function encodeCapacity16(capacity: Capacity & Partial<LongCapacity>): Uint8Array {
  const { physicalExponent = 0, thin = false, readsZeros = thin, lowestAlignedLba = 0 } = capacity;
  if (physicalExponent < 0 || physicalExponent > 0x0f) throw new RangeError(`physicalExponent: ${physicalExponent}`);
  const bytes = new Uint8Array(LONG_LENGTH);
  writeU64(bytes, 0, capacity.blockCount - 1);
  writeU32(bytes, 8, capacity.blockSize);
  bytes[13] = physicalExponent;
  writeU16(bytes, 14, lowestAlignedLba);
  bytes[14]! |= (thin ? THIN : 0) | (readsZeros ? READS_ZEROS : 0);
  return bytes;
}

/** The first 12 bytes suffice. */
export function decodeCapacity16(bytes: Uint8Array): Decoded<LongCapacity> {
  const name = 'READ CAPACITY(16)';
  if (bytes.length < 12) return violated(name, `${bytes.length} bytes`, `${LONG_LENGTH} bytes`);
  if (readU32(bytes, 0) >= 2 ** 21)
    return violated(`${name}.lastLba`, 'more than 2^53 blocks', 'fewer than 2^53 blocks');
  const basic = checked(name, readU64(bytes, 0) + 1, readU32(bytes, 8));
  if (!basic.ok) return basic;
  const [protection = 0, exponents = 0, upper = 0, lower = 0] = bytes.subarray(12, 16);
  return decoded({
    ...basic.value,
    physicalExponent: exponents & 0x0f,
    thin: (upper & 0x80) !== 0,
    readsZeros: (upper & 0x40) !== 0,
    lowestAlignedLba: ((upper & 0x3f) << 8) | lower,
    protectionType: (protection & 0x01) === 0 ? 0 : ((protection >>> 1) & 0x07) + 1,
  });
}

function checked(name: string, blockCount: number, blockSize: number): Decoded<Capacity> {
  // Anything else cannot be a disk that this project could address; 0 would divide the caller.
  if (blockSize < 512 || blockSize > 65536 || (blockSize & (blockSize - 1)) !== 0) {
    return violated(`${name}.blockSize`, blockSize, 'a power of two from 512 to 65536');
  }
  return decoded({ blockCount, blockSize });
}
