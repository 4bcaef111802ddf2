import { describeViolation, type Decoded } from '../base/violation.ts';
import { decodeCapacity10, decodeCapacity16, type Capacity, type LongCapacity } from '../scsi/capacity.ts';
import {
  inquiryCdb,
  modeSense10Cdb,
  modeSense6Cdb,
  readCapacity10Cdb,
  readCapacity16Cdb,
  testUnitReadyCdb,
} from '../scsi/cdb.ts';
import { reportInquiry } from '../scsi/inquiry-report.ts';
import { decodeModeData, MODE_PAGE } from '../scsi/mode-page.ts';
import { reportMode, type ModeReport } from '../scsi/mode-report.ts';
import { decodeVpd, VPD_PAGE } from '../scsi/vpd.ts';
import { reportVpd, type VpdReport } from '../scsi/vpd-report.ts';
import type { CapacityReport, LunExamination } from './examination.ts';
import { LunError, withoutPath, type IoOptions, type Lun, type LunErrorKind } from './lun.ts';
import { readReservations, scsiOf } from './reservations.ts';

const INQUIRY_BYTES = 96;
const PAGE_BYTES = 4096;
const MODE_BYTES = 1024;

/** A unit answers these and stays there; anything else means that the path is of no use. */
const ANSWERED: readonly LunErrorKind[] = [
  'check-condition',
  'reservation-conflict',
  'not-ready',
  'no-medium',
  'io-error',
];

/** Asks a unit everything that describes it. Rejects with `LunError` where it cannot be reached. */
export async function examineUnit(lun: Lun, options: IoOptions): Promise<LunExamination> {
  const unknown: { what: string; why: string }[] = [];
  const asked = async <T>(what: string, question: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof LunError) || !ANSWERED.includes(error.kind)) throw error;
      unknown.push({ what, why: withoutPath(error) });
      return undefined;
    }
  };
  const unit = questionsOf(lun, options);
  const inquiry = await asked('INQUIRY', () => unit.inquiry());
  const state = await unit.state();
  const capacity = await asked('capacity', () => unit.capacity());
  const mode = await asked('mode pages', () => unit.mode());
  const vpd = await unit.vital(asked);
  const reservations = await asked('persistent reservations', () => readReservations(lun, options));
  if (reservations && !reservations.registrations) {
    unknown.push({ what: 'who registered which key', why: 'the device has no READ FULL STATUS' });
  }
  return {
    source: 'unit',
    state,
    vpd,
    unknown,
    ...(inquiry && { inquiry }),
    ...(capacity && { capacity }),
    ...(mode && { mode }),
    ...(reservations && { reservations }),
  };
}

type Asked = <T>(what: string, question: () => Promise<T>) => Promise<T | undefined>;

interface Questions {
  inquiry(): Promise<NonNullable<LunExamination['inquiry']>>;
  state(): Promise<string>;
  capacity(): Promise<CapacityReport>;
  mode(): Promise<ModeReport>;
  vital(asked: Asked): Promise<readonly VpdReport[]>;
}

function questionsOf(lun: Lun, options: IoOptions): Questions {
  const scsi = scsiOf(lun, 'showing a unit');
  const ask = (what: string, cdb: Uint8Array, dataInLength: number): Promise<Uint8Array> =>
    scsi.execute({ what, cdb, dataInLength, repeatable: true, ...options });
  const sound = <T>(what: string, result: Decoded<T>): T => {
    if (result.ok) return result.value;
    throw new LunError('io-error', lun.path, `${lun.path}: ${what}: ${describeViolation(result.violation)}`);
  };

  async function modeData(): Promise<ModeReport> {
    try {
      const bytes = await ask('MODE SENSE(10)', modeSense10Cdb(MODE_PAGE.all, MODE_BYTES), MODE_BYTES);
      return reportMode(sound('MODE SENSE(10)', decodeModeData(bytes, 8)));
    } catch (error) {
      if (!isIllegalRequest(error)) throw error;
    }
    const bytes = await ask('MODE SENSE(6)', modeSense6Cdb(MODE_PAGE.all, 255), 255);
    return reportMode(sound('MODE SENSE(6)', decodeModeData(bytes, 4)));
  }

  async function page(code: number): Promise<VpdReport> {
    const what = `INQUIRY of VPD page ${code.toString(16).padStart(2, '0')}h`;
    return reportVpd(code, await ask(what, inquiryCdb(PAGE_BYTES, code), PAGE_BYTES));
  }

  return {
    inquiry: async () =>
      sound('INQUIRY', reportInquiry(await ask('INQUIRY', inquiryCdb(INQUIRY_BYTES), INQUIRY_BYTES))),
    async state() {
      try {
        await ask('TEST UNIT READY', testUnitReadyCdb(), 0);
        return 'ready';
      } catch (error) {
        if (error instanceof LunError && ANSWERED.includes(error.kind)) return withoutPath(error);
        throw error;
      }
    },
    async capacity() {
      const short = await ask('READ CAPACITY(10)', readCapacity10Cdb(), 8);
      const basic = sound('READ CAPACITY(10)', decodeCapacity10(short));
      try {
        const long = await ask('READ CAPACITY(16)', readCapacity16Cdb(), 32);
        return capacityReport(basic, sound('READ CAPACITY(16)', decodeCapacity16(long)));
      } catch (error) {
        if (!isIllegalRequest(error) || !basic) throw error;
        return capacityReport(basic, basic);
      }
    },
    mode: modeData,
    async vital(asked) {
      const first = await asked('VPD pages', () => page(VPD_PAGE.supportedPages));
      const frame = first && decodeVpd(first.bytes, VPD_PAGE.supportedPages);
      if (!frame?.ok) return [];
      const reports: VpdReport[] = [first!];
      for (const code of new Set(frame.value.content)) {
        if (code === VPD_PAGE.supportedPages) continue;
        const report = await asked(`VPD page ${code.toString(16).padStart(2, '0')}h`, () => page(code));
        if (report) reports.push(report);
      }
      return reports;
    },
  };
}

function capacityReport(short: Capacity | undefined, long: Capacity & Partial<LongCapacity>): CapacityReport {
  const { blockSize, blockCount, physicalExponent = 0 } = long;
  return {
    blockSize,
    blockCount,
    byteLength: blockSize * blockCount,
    physicalBlockSize: blockSize * 2 ** physicalExponent,
    lowestAlignedLba: long.lowestAlignedLba ?? 0,
    thin: long.thin ?? false,
    readsZeros: long.readsZeros ?? false,
    protectionType: long.protectionType ?? 0,
    shortBlockCount: short?.blockCount ?? null,
  };
}

function isIllegalRequest(error: unknown): boolean {
  return error instanceof LunError && error.sense?.key === 5;
}
