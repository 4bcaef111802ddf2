import { slowCrc32c } from '../support/slow-crc32c.ts';

/**
 * PDUs written and read the slow way, from the figures of RFC 7143 section 11 and without any code of `src`: what the
 * engines are tested against.
 */
export interface SlowPdu {
  /** [first byte, byte count, value]; a value is a number or hex digits. */
  readonly fields: readonly (readonly [number, number, number | string])[];
  readonly additional?: string;
  readonly data?: Uint8Array;
  readonly headerDigest?: boolean;
  readonly dataDigest?: boolean;
}

function hexOf(value: number | string, byteCount: number): string {
  const hex = typeof value === 'number' ? value.toString(16) : value;
  if (hex.length > byteCount * 2) throw new Error(`${hex} does not fit ${byteCount} bytes`);
  return typeof value === 'number' ? hex.padStart(byteCount * 2, '0') : hex.padEnd(byteCount * 2, '0');
}

function digestOf(bytes: readonly number[]): number[] {
  const hex = slowCrc32c(bytes).toString(16).padStart(8, '0');
  return [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

export function slowPdu(pdu: SlowPdu): Uint8Array {
  const header: number[] = Array.from({ length: 48 }, () => 0);
  const additional = [...Buffer.from(pdu.additional ?? '', 'hex')];
  const data = [...(pdu.data ?? [])];
  const lengths = [
    [4, 1, additional.length / 4],
    [5, 3, data.length],
  ] as const;
  for (const [first, byteCount, value] of [...lengths, ...pdu.fields]) {
    const bytes = Buffer.from(hexOf(value, byteCount), 'hex');
    for (let at = 0; at < byteCount; at += 1) header[first + at] = bytes[at]!;
  }
  const head = [...header, ...additional];
  const body = [...data];
  while (body.length % 4 !== 0) body.push(0);
  const headerDigest = pdu.headerDigest ? digestOf(head) : [];
  const dataDigest = pdu.dataDigest && body.length > 0 ? digestOf(body) : [];
  return Uint8Array.from([...head, ...headerDigest, ...body, ...dataDigest]);
}

export interface SeenPdu {
  readonly opcode: number;
  readonly flags: number;
  readonly hex: string;
  readonly data: Uint8Array;
  /** `byteCount` bytes from `first` as a number. */
  at(first: number, byteCount: number): number;
}

/** Cuts a stream of whole PDUs apart and checks every digest and the zeros of the padding. */
export function readPdus(stream: Uint8Array, digests: { header?: boolean; data?: boolean } = {}): SeenPdu[] {
  const seen: SeenPdu[] = [];
  const bytes = Buffer.from(stream);
  for (let at = 0; at < bytes.length;) {
    const header = bytes.subarray(at, at + 48);
    const additionalLength = header[4]! * 4;
    const dataLength = header.readUIntBE(5, 3);
    const head = bytes.subarray(at, at + 48 + additionalLength);
    at += head.length;
    if (digests.header) at = checkDigest(bytes, at, head, 'header');
    const padded = bytes.subarray(at, at + Math.ceil(dataLength / 4) * 4);
    if (at + padded.length > bytes.length || padded.length < dataLength)
      throw new Error('the stream ends inside a PDU');
    at += padded.length;
    if (padded.subarray(dataLength).some((byte) => byte !== 0)) throw new Error('padding is not zero');
    if (digests.data && dataLength > 0) at = checkDigest(bytes, at, padded, 'data');
    seen.push({
      opcode: header[0]! & 0x3f,
      flags: header[1]!,
      hex: header.toString('hex'),
      data: new Uint8Array(padded.subarray(0, dataLength)),
      at: (first, byteCount) => header.readUIntBE(first, byteCount),
    });
  }
  return seen;
}

function checkDigest(bytes: Buffer, at: number, covered: Buffer, name: string): number {
  const got = bytes.subarray(at, at + 4).toString('hex');
  const expected = Buffer.from(digestOf([...covered])).toString('hex');
  if (got !== expected) throw new Error(`${name} digest ${got}, expected ${expected}`);
  return at + 4;
}

export function textData(...pairs: string[]): Uint8Array {
  return Buffer.from(pairs.map((pair) => `${pair}\0`).join(''), 'utf8');
}

export function textOf(data: Uint8Array): string[] {
  return Buffer.from(data)
    .toString('utf8')
    .split('\0')
    .filter((entry) => entry !== '');
}
