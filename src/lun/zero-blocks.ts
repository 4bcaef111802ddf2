import { decodeCapacity16 } from '../scsi/capacity.ts';
import { blockCdb, BLOCK_OPTION, inquiryCdb, readCapacity16Cdb } from '../scsi/cdb.ts';
import { OPCODE } from '../scsi/opcode.ts';
import { decodeLbaStatus, getLbaStatusCdb } from '../scsi/provisioning.ts';
import { decodeBlockLimits, decodeVpd, VPD_PAGE } from '../scsi/vpd.ts';
import { isUnsupported, LunError, type IoOptions, type Lun, type ScsiAccess } from './lun.ts';

/** What a thin unit spares whoever copies it. Each part is absent where the unit does not promise zeros. */
export interface ZeroBlocks {
  /**
   * The run of blocks that begins at `lba`: whether all of them are known to read as zeros. Only true where the unit says that
   * they are not mapped and that such blocks read as zeros (LBPRZ).
   */
  readonly runAt?: (
    lba: number,
    options: IoOptions,
  ) => Promise<{ readonly zeros: boolean; readonly blockCount: number }>;
  /** Writes zeros without sending them, and gives the space back: WRITE SAME(16) with UNMAP, whose result is defined. */
  readonly write?: (lba: number, blockCount: number, options: IoOptions) => Promise<void>;
  /** Blocks that are taken up and given back together (OPTIMAL UNMAP GRANULARITY), where the unit says it. */
  readonly granularity?: number;
}

/** LBPWS: WRITE SAME(16) with UNMAP. LBPRZ xx1b: what is given back reads as zeros (SBC-3 6.5.4). */
const WRITE_SAME_UNMAPS = 0x40;
const READS_ZEROS = 0x04;
/** A unit without a limit of its own is not asked for more at once. */
const LARGEST_WRITE_SAME = 0xffff;
/** Zeros of one WRITE, where they have to be sent. */
const SENT_BYTES = 1 << 20;
const STATUS_BYTES = 8 + 16 * 64;

/** Asks the unit what it promises; nothing of a path without SCSI commands, or where it does not answer these. */
export async function zeroBlocksOf(lun: Lun, blockSize: number, options: IoOptions): Promise<ZeroBlocks> {
  const { scsi } = lun;
  if (!scsi) return {};
  try {
    const bytes = await ask(scsi, 'READ CAPACITY(16)', readCapacity16Cdb(), 32, options);
    const capacity = decodeCapacity16(bytes);
    if (!capacity.ok || !capacity.value.thin || !capacity.value.readsZeros) return {};
    const writer = await writerOf(lun, scsi, blockSize, options);
    return { runAt: (lba, callOptions) => runAt(lun, scsi, lba, callOptions), ...writer };
  } catch (error) {
    if (isUnsupported(error)) return {};
    throw error;
  }
}

async function runAt(
  lun: Lun,
  scsi: ScsiAccess,
  lba: number,
  options: IoOptions,
): Promise<{ zeros: boolean; blockCount: number }> {
  const bytes = await ask(scsi, 'GET LBA STATUS', getLbaStatusCdb(lba, STATUS_BYTES), STATUS_BYTES, options);
  const runs = decodeLbaStatus(bytes);
  if (!runs.ok || runs.value.length === 0) {
    throw new LunError('io-error', lun.path, `${lun.path}: GET LBA STATUS at block ${lba}: no descriptor`);
  }
  return joined(runs.value, lba);
}

/** The first run may begin before `lba`; neighbours of one kind make one run. */
function joined(
  runs: readonly { readonly lba: number; readonly blockCount: number; readonly mapped: boolean }[],
  lba: number,
): { zeros: boolean; blockCount: number } {
  const first = runs[0]!;
  let end = first.lba <= lba ? first.lba + first.blockCount : lba;
  for (const run of runs.slice(1)) {
    if (run.mapped !== first.mapped || run.lba !== end) break;
    end += run.blockCount;
  }
  // A device that answers nonsense is read instead.
  return end > lba ? { zeros: !first.mapped, blockCount: end - lba } : { zeros: false, blockCount: 1 };
}

async function writerOf(
  lun: Lun,
  scsi: ScsiAccess,
  blockSize: number,
  options: IoOptions,
): Promise<Pick<ZeroBlocks, 'write' | 'granularity'>> {
  const provisioning = decodeVpd(await page(scsi, VPD_PAGE.logicalBlockProvisioning, options), 0xb2);
  const promises = provisioning.ok ? (provisioning.value.content[1] ?? 0) : 0;
  if ((promises & WRITE_SAME_UNMAPS) === 0 || (promises & READS_ZEROS) === 0) return {};
  const read = decodeBlockLimits(await page(scsi, VPD_PAGE.blockLimits, options));
  const { maximumWriteSame = 0, unmapGranularity = 0 } = read.ok ? read.value : {};
  const limit = Math.min(maximumWriteSame || LARGEST_WRITE_SAME, LARGEST_WRITE_SAME);
  let refused = false;
  const same = (lba: number, count: number, callOptions: IoOptions): Promise<unknown> =>
    scsi.execute({
      what: `WRITE SAME(16) of ${count} blocks at block ${lba}`,
      cdb: blockCdb(OPCODE.writeSame16, lba, count, BLOCK_OPTION.unmap),
      dataOut: new Uint8Array(blockSize),
      repeatable: true,
      ...callOptions,
    });
  const write: ZeroBlocks['write'] = async (lba, blockCount, callOptions) => {
    const largest = refused ? Math.max(1, Math.floor(SENT_BYTES / blockSize)) : limit;
    for (let at = 0; at < blockCount; at += largest) {
      const count = Math.min(largest, blockCount - at);
      if (!refused) {
        const error = await same(lba + at, count, callOptions).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error === undefined) continue;
        if (!isUnsupported(error)) throw error;
        refused = true;
      }
      await writeOut(lun, lba + at, count, blockSize, callOptions);
    }
  };
  return { write, ...(unmapGranularity > 0 && { granularity: unmapGranularity }) };
}

/** Zeros sent as data, to a unit that has promised more than it does. */
async function writeOut(
  lun: Lun,
  lba: number,
  blockCount: number,
  blockSize: number,
  options: IoOptions,
): Promise<void> {
  const step = Math.max(1, Math.floor(SENT_BYTES / blockSize));
  for (let at = 0; at < blockCount; at += step) {
    const zeros = new Uint8Array(Math.min(step, blockCount - at) * blockSize);
    await lun.write(lba + at, zeros, { ...options, repeatable: true });
  }
}

async function page(scsi: ScsiAccess, code: number, options: IoOptions): Promise<Uint8Array> {
  return ask(scsi, `INQUIRY of VPD page ${code.toString(16)}h`, inquiryCdb(1024, code), 1024, options);
}

function ask(
  scsi: ScsiAccess,
  what: string,
  cdb: Uint8Array,
  dataInLength: number,
  options: IoOptions,
): Promise<Uint8Array> {
  return scsi.execute({ what, cdb, dataInLength, repeatable: true, ...options });
}
