import { readU32 } from '../base/bytes.ts';
import { blockCdb, inquiryCdb } from '../scsi/cdb.ts';
import { OPCODE } from '../scsi/opcode.ts';
import { decodeVpd, VPD_PAGE } from '../scsi/vpd.ts';
import { LunError, type IoOptions, type Lun } from './lun.ts';

/** Blocks of one WRITE ATOMIC(16): its length has 16 bits. */
const LONGEST = 0xffff;
const MAXIMUM_AT = 40;
const ALIGNMENT_AT = 44;
const GRANULARITY_AT = 48;

/**
 * Blocks that the unit stores wholly or not at all by one WRITE ATOMIC(16), wherever they begin (VPD page B0h, SBC-4 6.6.4);
 * 0 where it has none, or only at some places, or does not say.
 */
export async function atomicBlocksOf(lun: Lun, options: IoOptions): Promise<number> {
  if (!lun.scsi) return 0;
  const cdb = inquiryCdb(1024, VPD_PAGE.blockLimits);
  const request = { what: 'INQUIRY of VPD page b0h', cdb, dataInLength: 1024, repeatable: true, ...options };
  const bytes = await lun.scsi.execute(request).catch((error: unknown) => {
    if (error instanceof LunError && error.kind === 'check-condition') return undefined;
    throw error;
  });
  const page = bytes && decodeVpd(bytes, VPD_PAGE.blockLimits);
  if (!page?.ok || page.value.content.length < GRANULARITY_AT + 4) return 0;
  const number = (at: number): number => readU32(page.value.content, at);
  if (number(ALIGNMENT_AT) > 1 || number(GRANULARITY_AT) > 1) return 0;
  return Math.min(number(MAXIMUM_AT), LONGEST);
}

/** `data` is at most `atomicBlocksOf` blocks. Rejects as `Lun.write` does. */
export async function writeAtomically(
  lun: Lun,
  lba: number,
  blockCount: number,
  data: Uint8Array,
  options: IoOptions,
): Promise<void> {
  if (!lun.scsi) throw new LunError('bad-argument', lun.path, `${lun.path}: no SCSI commands on this path`);
  await lun.scsi.execute({
    what: `WRITE ATOMIC(16) of ${blockCount} blocks at block ${lba}`,
    cdb: blockCdb(OPCODE.writeAtomic16, lba, blockCount),
    dataOut: data,
    repeatable: false,
    ...options,
  });
}
