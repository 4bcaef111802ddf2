/**
 * Interface blocks built byte by byte from offsets written down here, without any code of `src`: the second source that
 * the codecs and the fixtures are held against.
 */

/** CRC-32 one bit at a time: polynomial EDB88320 reflected, as in gzip (RFC 1952 section 8). */
export function slowCrc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

type Part = readonly [
  offset: number,
  value: string | Uint8Array | { readonly u: number | bigint; readonly bytes: number },
];

/** `size` zero bytes with the parts laid over them; numbers are big-endian. */
export function bytesOf(size: number, parts: readonly Part[]): Buffer {
  const bytes = Buffer.alloc(size);
  for (const [offset, value] of parts) {
    if (typeof value === 'string') bytes.write(value, offset, 'utf8');
    else if (value instanceof Uint8Array) bytes.set(value, offset);
    else
      bytes.write(
        BigInt(value.u)
          .toString(16)
          .padStart(value.bytes * 2, '0'),
        offset,
        'hex',
      );
  }
  return bytes;
}

export const u8 = (u: number) => ({ u, bytes: 1 });
export const u16 = (u: number) => ({ u, bytes: 2 });
export const u32 = (u: number) => ({ u, bytes: 4 });
export const u64 = (u: number | bigint) => ({ u, bytes: 8 });
export const hex = (text: string): Buffer => Buffer.from(text, 'hex');

export interface SlowControl {
  readonly process: number;
  readonly wanted?: number;
  readonly state: number;
  readonly status?: number;
  readonly requestId: string;
  readonly serial: string;
  readonly admission: number;
  readonly page?: number;
  readonly pageCount?: number;
  readonly editedLength?: number;
  readonly whole?: Uint8Array;
  readonly host: string;
}

/** 4096 bytes for a request part, 16,384 with edited data. */
export function slowBlock(
  control: SlowControl,
  input: Uint8Array,
  page?: Uint8Array,
  size = page ? 16384 : 4096,
): Buffer {
  const bytes = bytesOf(size, [
    [0, 'CDCTLBLK'],
    [8, u16(1)],
    [10, u16(control.process)],
    [12, u8(control.wanted ?? 1)],
    [13, u8(control.state)],
    [14, u16(control.status ?? 0)],
    [16, hex(control.requestId)],
    [32, control.serial],
    [48, u64(control.admission)],
    [56, u32(control.page ?? 0)],
    [60, u32(control.pageCount ?? 0)],
    [64, u32(input.length)],
    [68, u32(control.editedLength ?? page?.length ?? 0)],
    [72, u32(page?.length ?? 0)],
    [76, u32(slowCrc32(input))],
    [80, u32(page ? slowCrc32(page) : 0)],
    [88, control.host],
    [152, u32(page ? slowCrc32(control.whole ?? page) : 0)],
    [256, input],
    [4096, page ?? Buffer.alloc(0)],
  ]);
  bytes.writeUInt32BE(slowCrc32(bytes.subarray(0, 252)), 252);
  return bytes;
}

export function slowLabel(facts: { serial: string; name: string; blockSize: number; commandNumber: number }): Buffer {
  const bytes = bytesOf(4096, [
    [0, 'CDCTLCMD'],
    [8, u16(1)],
    [10, u16(64)],
    [12, u32(facts.blockSize)],
    [16, facts.serial],
    [32, facts.name],
    [64, u32(16384)],
    [68, u32(16384)],
    [72, u32(4096)],
    [76, u32(4096)],
    [80, u64(facts.commandNumber)],
  ]);
  bytes.writeUInt32BE(slowCrc32(bytes.subarray(0, 508)), 508);
  return bytes;
}

/** Of 4096 bytes that `slowBlock` made; `mac` from elsewhere. */
export function slowSigned(
  block: Uint8Array,
  facts: { keyName: string; mac: string; challenge: string; nonce: string },
): Buffer {
  const bytes = bytesOf(4096, [
    [0, block],
    [156, facts.keyName],
    [188, hex(facts.mac)],
    [220, hex(facts.challenge)],
    [236, hex(facts.nonce)],
  ]);
  bytes.writeUInt32BE(slowCrc32(bytes.subarray(0, 252)), 252);
  return bytes;
}

export function slowChallenge(challenge: string): Buffer {
  const bytes = bytesOf(4096, [
    [0, 'CDCTLCHL'],
    [8, u16(1)],
    [16, hex(challenge)],
  ]);
  bytes.writeUInt32BE(slowCrc32(bytes.subarray(0, 508)), 508);
  return bytes;
}
