/**
 * CRC32C (Castagnoli, reflected polynomial 82f63b78), the digest of iSCSI (RFC 7143 section 13.1). Eight bytes a step
 * by eight tables ("slicing-by-8"); long aligned runs are read as 32-bit words where the machine is little-endian.
 */
const POLYNOMIAL = 0x82f63b78;
const TABLE_COUNT = 8;
const WORDS_PAY_FROM = 128;

const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
const tables = buildTables();
const [t0, t1, t2, t3, t4, t5, t6, t7] = Array.from({ length: TABLE_COUNT }, (_, index) =>
  tables.subarray(index * 256, index * 256 + 256),
) as [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

/** Table k holds the effect of a byte that k further bytes follow. */
function buildTables(): Int32Array {
  const all = new Int32Array(TABLE_COUNT * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    all[byte] = crc;
  }
  for (let index = 256; index < all.length; index += 1) {
    const before = all[index - 256]!;
    all[index] = (before >>> 8) ^ all[before & 0xff]!;
  }
  return all;
}

/**
 * The checksum of `bytes`, as an unsigned number; "123456789" gives e3069283. `previous` is the checksum of what came
 * before, so that pieces can be checked one after another.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  let at = 0;
  const length = bytes.length;
  if (littleEndian && length >= WORDS_PAY_FROM) {
    const head = -bytes.byteOffset & 3;
    crc = overBytes(crc, bytes, 0, head);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + head, (length - head) >>> 2);
    at = head + (words.length & ~1) * 4;
    crc = overWords(crc, words, words.length & ~1);
  }
  return ~overBytes(crc, bytes, at, length) >>> 0;
}

function overWords(start: number, words: Int32Array, count: number): number {
  let crc = start;
  for (let at = 0; at < count; at += 2) {
    crc ^= words[at]!;
    const next = words[at + 1]!;
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[next & 0xff]! ^
      t2[(next >>> 8) & 0xff]! ^
      t1[(next >>> 16) & 0xff]! ^
      t0[next >>> 24]!;
  }
  return crc;
}

function overBytes(start: number, bytes: Uint8Array, from: number, to: number): number {
  let crc = start;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < to; at += 1) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
  return crc;
}
