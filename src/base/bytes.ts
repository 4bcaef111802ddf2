/** Byte helpers shared by every layout. All multi-byte integers in this project's own formats are big-endian. */

export function readU16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

export function readU24(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 16) | (bytes[offset + 1]! << 8) | bytes[offset + 2]!;
}

export function readU32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset]! << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!) >>> 0;
}

/** An exact Number; the caller checks `readU32(bytes, offset) < 2 ** 21` first where the bytes come from outside. */
export function readU64(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset) * 0x1_0000_0000 + readU32(bytes, offset + 4);
}

export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

export function writeU24(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 16;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value;
}

export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

export function writeU64(bytes: Uint8Array, offset: number, value: number): void {
  writeU32(bytes, offset, Math.floor(value / 0x1_0000_0000));
  writeU32(bytes, offset + 4, value % 0x1_0000_0000);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Of the bytes from `from` up to `to`; of all where absent. */
export function toHex(bytes: Uint8Array, from = 0, to = bytes.length): string {
  if (to - from > 16) return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('hex');
  let text = '';
  for (let at = from; at < to; at += 1) text += HEX[bytes[at]!]!;
  return text;
}

/** A u32 for messages: 0x and eight digits. */
export function hexNumber(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

/** Throws where `hex` is not an even number of hex digits. */
export function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >>> 1);
  writeHex(bytes, 0, hex);
  return bytes;
}

/** Of the characters 0 to 102; 255: no hex digit. */
const DIGITS = new Uint8Array(103).map((_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

/** `fromHex` into what is there already. */
export function writeHex(target: Uint8Array, at: number, hex: string): void {
  let seen = hex.length % 2 === 0 ? 0 : 255;
  for (let index = 0; index + 1 < hex.length; index += 2) {
    const high = DIGITS[hex.charCodeAt(index)] ?? 255;
    const low = DIGITS[hex.charCodeAt(index + 1)] ?? 255;
    seen |= high | low;
    target[at + (index >>> 1)] = (high << 4) | low;
  }
  if (seen > 15) throw new RangeError(`not hex digits: ${JSON.stringify(hex)}`);
}

/** Compared with itself one byte further on: native speed, and slots and pages are checked on every READ. */
export function isAllZero(bytes: Uint8Array): boolean {
  if (bytes.length > 64) return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

/** Memory that is about to be overwritten whole: a large array of zeros would cost more than filling it. */
export function uninitialisedBytes(length: number): Uint8Array {
  return length < 1024 ? new Uint8Array(length) : new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}
