import { crc32 } from 'node:zlib';

/** The sectors that the verifying writer writes: each names itself, so that a torn, misplaced or stale one shows. */

export const SECTOR_BYTES = 512;

export interface SectorName {
  /** LUN of the volume. */
  readonly volume: number;
  readonly lba: number;
  /** Number of the write over all volumes: 1, 2, 3... */
  readonly counter: number;
}

const MAGIC = 'CDCTLSEC';
const HEADER_BYTES = 32;
const CRC_OFFSET = SECTOR_BYTES - 4;

/** Magic, volume u32, LBA u32, counter u64, zeros; then filler that depends on all of them; CRC-32 at the end. */
export function encodeSector({ volume, lba, counter }: SectorName): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES);
  sector.write(MAGIC, 0, 'latin1');
  sector.writeUInt32BE(volume, 8);
  sector.writeUInt32BE(lba, 12);
  sector.writeBigUInt64BE(BigInt(counter), 16);
  for (let offset = HEADER_BYTES; offset < CRC_OFFSET; offset += 4) {
    sector.writeUInt32BE(
      (Math.imul(counter, 0x9e3779b1) ^ Math.imul(lba, 0x85ebca6b) ^ (volume + offset)) >>> 0,
      offset,
    );
  }
  sector.writeUInt32BE(crc32(sector.subarray(0, CRC_OFFSET)), CRC_OFFSET);
  return sector;
}

/** What a sector says of itself; `blank` where nobody wrote it, undefined where its bytes do not belong together. */
export function readSector(sector: Buffer): SectorName | 'blank' | undefined {
  if (sector.every((byte) => byte === 0)) return 'blank';
  if (sector.toString('latin1', 0, 8) !== MAGIC) return undefined;
  if (sector.readUInt32BE(CRC_OFFSET) !== crc32(sector.subarray(0, CRC_OFFSET))) return undefined;
  return {
    volume: sector.readUInt32BE(8),
    lba: sector.readUInt32BE(12),
    counter: Number(sector.readBigUInt64BE(16)),
  };
}
