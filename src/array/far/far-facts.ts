import type { Decoded } from '../../base/violation.ts';
import { LunError, type IoOptions, type Lun, type LunCapacity, type ScsiAccess } from '../../lun/lun.ts';
import { decodeCapacity16, type LongCapacity } from '../../scsi/capacity.ts';
import { inquiryCdb, readCapacity16Cdb, reportOpcodesCdb } from '../../scsi/cdb.ts';
import { decodeStandardInquiry } from '../../scsi/inquiry.ts';
import type { CommandName } from '../../scsi/opcode-table.ts';
import { decodeAllOpcodes } from '../../scsi/report-opcodes.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import { decodeBlockLimits, decodeVpd, VPD_PAGE } from '../../scsi/vpd.ts';

/** What the far LUN says of itself, which a virtual volume repeats where it passes commands on. */
export interface FarFacts {
  readonly capacity: LunCapacity;
  /** READ CAPACITY(16); absent where it has none. */
  readonly long?: LongCapacity;
  readonly removable: boolean;
  /** The VPD pages B0h to B2h that it has, whole. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
  /** Its commands that the opcode table knows; absent where it does not tell. */
  readonly commands?: ReadonlySet<CommandName>;
}

const PAGES = [VPD_PAGE.blockLimits, VPD_PAGE.blockDeviceCharacteristics, VPD_PAGE.logicalBlockProvisioning] as const;
const PAGE_ROOM = 252;
const OPCODES_ROOM = 8192;

/** Rejects with `LunError`. */
export async function readFarFacts(lun: Lun, options: IoOptions): Promise<FarFacts> {
  const capacity = await lun.capacity(options);
  if (!lun.scsi) return { capacity, removable: false, pages: new Map() };
  const ask = questions(lun.scsi, options);
  const long = await ask('READ CAPACITY(16)', readCapacity16Cdb(32), 32, decodeCapacity16);
  const inquiry = await ask('INQUIRY', inquiryCdb(96), 96, decodeStandardInquiry);
  const pages = new Map<number, Uint8Array>();
  for (const page of PAGES) {
    const what = `INQUIRY of VPD page ${page.toString(16)}h`;
    const bytes = await ask(what, inquiryCdb(PAGE_ROOM, page), PAGE_ROOM, (answer) => wholePage(answer, page));
    if (bytes) pages.set(page, bytes);
  }
  const what = 'REPORT SUPPORTED OPERATION CODES';
  const commands = await ask(what, reportOpcodesCdb(OPCODES_ROOM), OPCODES_ROOM, decodeAllOpcodes);
  return {
    capacity,
    ...(long && { long }),
    removable: inquiry?.removable === true,
    pages,
    ...(commands && { commands: new Set(commands.map(({ name }) => name)) }),
  };
}

type Ask = <T>(
  what: string,
  cdb: Uint8Array,
  room: number,
  decode: (bytes: Uint8Array) => Decoded<T>,
) => Promise<T | undefined>;

/** Undefined where the LUN refuses the question, or answers with what cannot be read. */
function questions(scsi: ScsiAccess, options: IoOptions): Ask {
  return async (what, cdb, dataInLength, decode) => {
    try {
      const result = decode(await scsi.execute({ ...options, what, cdb, dataInLength, repeatable: true }));
      return result.ok ? result.value : undefined;
    } catch (error) {
      if (error instanceof LunError && error.sense?.key === SENSE_KEY.illegalRequest) return undefined;
      throw error;
    }
  };
}

function wholePage(bytes: Uint8Array, page: number): Decoded<Uint8Array> {
  const readable = page === VPD_PAGE.blockLimits ? decodeBlockLimits(bytes) : decodeVpd(bytes, page);
  return readable.ok ? { ok: true, value: bytes } : readable;
}
