import { reportInquiry } from '../scsi/inquiry-report.ts';
import { reportVpd, type VpdReport } from '../scsi/vpd-report.ts';
import {
  capacityOf,
  findDevice,
  firstPathOf,
  identityOf,
  list,
  printable,
  readBytes,
  readText,
  userOf,
  type DeviceFacts,
} from './device-facts.ts';
import type { DeviceSystem } from './device-system.ts';
import type { DeviceRow, KernelReport, LunExamination } from './examination.ts';
import type { LunError } from './lun.ts';

/** Nothing but a program in C reaches these: a device file takes SCSI commands by an ioctl only (SG_IO). */
const OUT_OF_REACH: LunExamination['unknown'] = [
  'mode pages (write protection is the kernel’s word, not the unit’s)',
  'persistent reservations',
  'provisioning status of single blocks',
].map((what) => ({
  what,
  why: 'the kernel does not keep it, and SCSI commands do not pass through a device file here',
}));

/**
 * What the kernel keeps of a block device: sysfs, and for SCSI disks the INQUIRY data and the vital product data pages that it
 * read when it found the disk. Throws `LunError`.
 */
export function examineDevice(system: DeviceSystem, path: string): LunExamination {
  const facts = findDevice(system, path);
  const disk = firstPathOf(system, facts.diskDirectory);
  const { blockSize, blockCount } = capacityOf(system, path, facts);
  const inquiry = reportInquiry(readBytes(system, `${disk}/device/inquiry`));
  const vpd = vpdPages(system, disk);
  const state = readText(system, `${disk}/device/state`);
  const kernel = kernelReport(system, facts);
  const absent = vpd.length > 0 ? [] : [{ what: 'VPD pages', why: 'the kernel keeps none: it is no SCSI disk' }];
  return {
    source: 'kernel',
    state: state === '' || state === 'running' || state === 'live' ? 'ready' : printable(state),
    ...(inquiry.ok && { inquiry: inquiry.value }),
    capacity: {
      blockSize,
      blockCount,
      byteLength: blockSize * blockCount,
      physicalBlockSize: queueNumber(system, facts, 'physical_block_size') || blockSize,
      lowestAlignedLba: Math.floor(numberIn(system, `${facts.directory}/alignment_offset`) / blockSize),
      thin: kernel.discardMaximum > 0,
      // The kernel promises it of no device any more (discard_zeroes_data reads 0 since Linux 4.12).
      readsZeros: false,
      protectionType: 0,
      shortBlockCount: null,
    },
    kernel,
    vpd,
    unknown: [...absent, ...OUT_OF_REACH],
  };
}

/** The files `vpd_pg80` and so on beside a SCSI disk. */
function vpdPages(system: DeviceSystem, disk: string): VpdReport[] {
  const codes = list(system, `${disk}/device`).flatMap((name) => {
    const match = /^vpd_pg([0-9a-f]{1,2})$/.exec(name);
    return match ? [{ name, code: Number.parseInt(match[1]!, 16) }] : [];
  });
  return codes
    .toSorted((left, right) => left.code - right.code)
    .map(({ name, code }) => reportVpd(code, readBytes(system, `${disk}/device/${name}`)));
}

function kernelReport(system: DeviceSystem, facts: DeviceFacts): KernelReport {
  const disk = facts.diskDirectory;
  const backingFile = printable(readText(system, `${disk}/loop/backing_file`));
  return {
    device: facts.file,
    number: facts.number,
    kind: kindOf(system, facts),
    readOnly: readText(system, `${facts.directory}/ro`) === '1',
    removable: readText(system, `${disk}/removable`) === '1',
    rotational: queueNumber(system, facts, 'rotational') === 1,
    writeCache: printable(readText(system, `${disk}/queue/write_cache`)),
    discardMaximum: queueNumber(system, facts, 'discard_max_bytes'),
    discardGranularity: queueNumber(system, facts, 'discard_granularity'),
    transferMaximum: queueNumber(system, facts, 'max_sectors_kb') * 1024,
    optimalTransfer: queueNumber(system, facts, 'optimal_io_size'),
    builtOn: list(system, `${disk}/slaves`).map((name) => `/dev/${printable(name)}`),
    ...(backingFile !== '' && { backingFile }),
  };
}

function kindOf(system: DeviceSystem, facts: DeviceFacts): string {
  if (facts.directory !== facts.diskDirectory) return 'partition';
  const mapper = readText(system, `${facts.diskDirectory}/dm/uuid`);
  if (mapper.startsWith('mpath-')) return 'multipath';
  if (mapper !== '' || list(system, `${facts.diskDirectory}/dm`).length > 0) return 'device mapper';
  if (list(system, `${facts.diskDirectory}/md`).length > 0) return 'array';
  if (list(system, `${facts.diskDirectory}/loop`).length > 0) return 'loop';
  return 'disk';
}

/**
 * The block devices of this machine that have blocks, in the order of their names; partitions are not listed. One that goes away
 * meanwhile is left out.
 */
export function listDevices(system: DeviceSystem): readonly DeviceRow[] {
  return list(system, '/sys/block')
    .toSorted((left, right) => left.localeCompare(right, 'en', { numeric: true }))
    .flatMap((name) => {
      // A slash in a device's name reads as "!" there.
      const row = rowOf(system, `/dev/${name.replaceAll('!', '/')}`);
      return row && row.blockCount > 0 ? [row] : [];
    });
}

function rowOf(system: DeviceSystem, path: string): DeviceRow | undefined {
  try {
    const facts = findDevice(system, path);
    const { blockSize, blockCount } = capacityOf(system, path, facts);
    const usedBy = userOf(system, facts);
    return {
      path,
      identity: identityOf(system, facts),
      blockSize,
      blockCount,
      physicalBlockSize: queueNumber(system, facts, 'physical_block_size') || blockSize,
      thin: queueNumber(system, facts, 'discard_max_bytes') > 0,
      writeProtected: readText(system, `${facts.directory}/ro`) === '1',
      kind: kindOf(system, facts),
      ...(usedBy !== undefined && { usedBy }),
    };
  } catch (error) {
    if ((error as LunError).name === 'LunError') return undefined;
    throw error;
  }
}

function queueNumber(system: DeviceSystem, facts: DeviceFacts, name: string): number {
  return numberIn(system, `${facts.diskDirectory}/queue/${name}`);
}

/** 0 where there is none. */
function numberIn(system: DeviceSystem, path: string): number {
  const value = Number(readText(system, path));
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}
