import { bits, decodeFields, flag, number, type DecodedField, type PageField } from './field-table.ts';
import { DEVICE_SPECIFIC, MODE_PAGE, type DecodedModeData } from './mode-page.ts';

/** What the mode parameters say that matters to whoever uses the unit (SPC-4 7.5, SBC-3 6.4). */
export interface ModeReport {
  readonly writeProtected: boolean;
  /** DPO and FUA bits are obeyed. */
  readonly forceUnitAccess: boolean;
  /** WCE: what was written may be volatile until it is flushed. Absent: the unit has no caching page. */
  readonly writeCache?: boolean;
  /** SWP: software write protection. */
  readonly softwareWriteProtect?: boolean;
  readonly pages: readonly {
    /** "08" or "0a/01". */
    readonly page: string;
    readonly title: string;
    readonly fields: readonly DecodedField[];
    readonly bytes: Uint8Array;
  }[];
}

const ERROR_RECOVERY: readonly PageField[] = [
  flag('automaticWriteReallocation', 2, 7),
  flag('automaticReadReallocation', 2, 6),
  flag('transferBlock', 2, 5),
  flag('postError', 2, 2),
  flag('dataTerminateOnError', 2, 1),
  flag('disableCorrection', 2, 0),
  number('readRetryCount', 3, 1),
  number('writeRetryCount', 8, 1),
  number('recoveryTimeLimit', 10, 2, { unit: 'ms' }),
];

const CACHING: readonly PageField[] = [
  flag('writeCache', 2, 2),
  flag('readCacheDisabled', 2, 0),
  flag('forceSequentialWrite', 12, 7),
  flag('disableReadAhead', 12, 5),
  flag('nonVolatileDisabled', 13, 0),
];

const CONTROL: readonly PageField[] = [
  bits('taskSetType', 2, 5, 3, { 0: 'one for all nexuses', 1: 'one for each nexus' }),
  flag('descriptorSense', 2, 2),
  flag('globalLoggingDisabled', 2, 1),
  bits('queueAlgorithm', 3, 4, 4, { 0: 'restricted reordering', 1: 'unrestricted reordering' }),
  bits('queueErrorManagement', 3, 1, 2),
  bits('unitAttentionInterlock', 4, 4, 2),
  flag('softwareWriteProtect', 4, 3),
  flag('applicationTagOwner', 5, 7),
  flag('taskAbortedStatus', 5, 6),
  bits('autoload', 5, 0, 3),
  number('busyTimeoutPeriod', 8, 2, { unit: '100 ms' }),
  number('extendedSelfTestTime', 10, 2, { unit: 's' }),
];

const EXCEPTIONS: readonly PageField[] = [
  flag('performance', 2, 7),
  flag('enableWarning', 2, 4),
  flag('disableExceptionControl', 2, 3),
  flag('test', 2, 2),
  bits('methodOfReporting', 3, 0, 4),
];

const PAGES: Readonly<Record<number, readonly [title: string, fields: readonly PageField[]]>> = {
  0x01: ['read-write error recovery', ERROR_RECOVERY],
  0x02: ['disconnect-reconnect', []],
  [MODE_PAGE.caching]: ['caching', CACHING],
  [MODE_PAGE.control]: ['control', CONTROL],
  0x1a: ['power condition', []],
  0x1c: ['informational exceptions control', EXCEPTIONS],
};

/** Subpages are shown as bytes. */
export function reportMode({ deviceSpecific, pages }: DecodedModeData): ModeReport {
  const reports = pages.map(({ page, subpage, bytes }) => {
    const [title, fields] = (subpage === 0 ? PAGES[page] : undefined) ?? ['', []];
    const code = [page, ...(subpage === 0 ? [] : [subpage])].map((byte) => byte.toString(16).padStart(2, '0'));
    return { page: code.join('/'), title, fields: decodeFields(bytes, fields), bytes };
  });
  const bit = (page: string, name: string): boolean | undefined => {
    const found = reports.find((report) => report.page === page)?.fields.find((field) => field.name === name)?.value;
    return typeof found === 'boolean' ? found : undefined;
  };
  const [writeCache, softwareWriteProtect] = [bit('08', 'writeCache'), bit('0a', 'softwareWriteProtect')];
  return {
    writeProtected: (deviceSpecific & DEVICE_SPECIFIC.writeProtected) !== 0,
    forceUnitAccess: (deviceSpecific & DEVICE_SPECIFIC.dpoFua) !== 0,
    ...(writeCache !== undefined && { writeCache }),
    ...(softwareWriteProtect !== undefined && { softwareWriteProtect }),
    pages: reports,
  };
}
