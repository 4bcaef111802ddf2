import { decodeDeviceIdentification, decodeUnitSerial, worldWideNameOf } from '../scsi/vpd.ts';
import { deviceError } from './device-errors.ts';
import type { DeviceSystem } from './device-system.ts';
import { LunError, type LunCapacity, type LunIdentity } from './lun.ts';

/** A block device as the kernel shows it. */
export interface DeviceFacts {
  /** Without symbolic links: "/dev/sda1". */
  readonly file: string;
  /** "8:1". */
  readonly number: string;
  /** "/sys/devices/.../sda/sda1". */
  readonly directory: string;
  /** The same for a whole disk; a partition's disk otherwise. */
  readonly diskDirectory: string;
  /** Of a partition; undefined for a whole disk. */
  readonly partition: string | undefined;
}

/** Sizes in sysfs are in units of 512 bytes, whatever the block size. */
const SECTOR_BYTES = 512;

/** Finds the device behind any of its names. Rejects what is no block device. */
export function findDevice(system: DeviceSystem, path: string): DeviceFacts {
  try {
    const file = system.resolve(path);
    const status = system.stat(file);
    if (!status.isBlockDevice()) throw new LunError('bad-argument', path, `${path}: not a block device`);
    const number = deviceNumber(status.rdev);
    const directory = system.resolve(`/sys/dev/block/${number}`);
    const partition = readText(system, `${directory}/partition`) || undefined;
    const diskDirectory = partition === undefined ? directory : parentOf(directory);
    return { file, number, directory, diskDirectory, partition };
  } catch (error) {
    throw deviceError(path, 'open', error);
  }
}

export function capacityOf(system: DeviceSystem, path: string, facts: DeviceFacts): LunCapacity {
  const sectors = Number(readText(system, `${facts.directory}/size`));
  const blockSize = Number(readText(system, `${facts.diskDirectory}/queue/logical_block_size`));
  if (blockSize >= SECTOR_BYTES && Number.isSafeInteger(sectors * SECTOR_BYTES)) {
    return { blockSize, blockCount: Math.floor((sectors * SECTOR_BYTES) / blockSize) };
  }
  throw new LunError('io-error', path, `${path}: the kernel names no size and block size in ${facts.directory}`);
}

/** What the device says of itself; of a multipath device what its first path says. */
export function identityOf(system: DeviceSystem, facts: DeviceFacts): LunIdentity {
  const disk = firstPathOf(system, facts.diskDirectory);
  const text = (name: string): string => printable(readText(system, `${disk}/${name}`));
  const vendor = text('device/vendor');
  return {
    // PCI devices have their number there.
    vendor: vendor.startsWith('0x') ? '' : vendor,
    product: text('device/model'),
    revision: text('device/rev') || text('device/firmware_rev'),
    serial: serialPage(system, disk) || text('device/serial') || text('serial'),
    worldWideName: identificationPage(system, disk) || text('device/wwid').replace(/^naa\./, '') || text('wwid'),
  };
}

/**
 * The same, with a world wide name that tells every device from every other, partitions and devices without a name of their
 * own too: a device mapper's UUID, a loop device's file, or in the end its place in the machine.
 */
export function heldIdentityOf(system: DeviceSystem, facts: DeviceFacts): LunIdentity {
  const identity = identityOf(system, facts);
  const disk = facts.diskDirectory;
  const named = identity.worldWideName || (identity.serial && `${identity.product} ${identity.serial}`.trim());
  const mapped = printable(readText(system, `${disk}/dm/uuid`));
  const file = printable(readText(system, `${disk}/loop/backing_file`));
  const whole =
    named || mapped || (file && `loop ${file} at ${readText(system, `${disk}/loop/offset`)}`) || `device ${disk}`;
  const part = readText(system, `${facts.directory}/partition`);
  const start = readText(system, `${facts.directory}/start`);
  return { ...identity, worldWideName: part === '' ? whole : `${whole} partition ${part} at ${start}` };
}

/** Of a multipath map its first path; else the disk itself. */
export function firstPathOf(system: DeviceSystem, disk: string): string {
  if (!readText(system, `${disk}/dm/uuid`).startsWith('mpath-')) return disk;
  const first = list(system, `${disk}/slaves`)[0];
  return first === undefined ? disk : system.resolve(`${disk}/slaves/${first}`);
}

function serialPage(system: DeviceSystem, disk: string): string {
  const page = decodeUnitSerial(readBytes(system, `${disk}/device/vpd_pg80`));
  return page.ok ? page.value : '';
}

function identificationPage(system: DeviceSystem, disk: string): string {
  const page = decodeDeviceIdentification(readBytes(system, `${disk}/device/vpd_pg83`));
  return page.ok ? worldWideNameOf(page.value) : '';
}

/**
 * Who uses the device, its disk or a partition of it: a mount, swap, or a device stacked on it. In words; undefined
 * where nobody does.
 */
export function userOf(system: DeviceSystem, facts: DeviceFacts): string | undefined {
  const directories = [facts.directory, ...partitionsOf(system, facts.directory)];
  const numbers = new Set(directories.map((directory) => readText(system, `${directory}/dev`)));
  return mountOf(system, numbers) ?? swapOf(system, numbers) ?? holderOf(system, directories);
}

function partitionsOf(system: DeviceSystem, directory: string): string[] {
  return list(system, directory)
    .map((name) => `${directory}/${name}`)
    .filter((child) => readText(system, `${child}/partition`) !== '');
}

/** proc(5): "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue". */
function mountOf(system: DeviceSystem, numbers: ReadonlySet<string>): string | undefined {
  for (const line of readText(system, '/proc/self/mountinfo').split('\n')) {
    const fields = line.split(' ');
    const source = fields[fields.indexOf('-') + 2] ?? '';
    // File systems over several devices (btrfs) have a number of their own; the source still names one device.
    const used = numbers.has(fields[2] ?? '') || (source.startsWith('/dev/') && numbers.has(numberOf(system, source)));
    if (used) return `it is mounted on ${printable(fields[4] ?? '')}`;
  }
  return undefined;
}

function swapOf(system: DeviceSystem, numbers: ReadonlySet<string>): string | undefined {
  const files = readText(system, '/proc/swaps').split('\n').slice(1);
  const used = files.some((line) => line.startsWith('/dev/') && numbers.has(numberOf(system, line.split(/\s/)[0]!)));
  return used ? 'it is used as swap' : undefined;
}

function holderOf(system: DeviceSystem, directories: readonly string[]): string | undefined {
  const holder = directories.flatMap((directory) => list(system, `${directory}/holders`))[0];
  return holder === undefined ? undefined : `${printable(holder)} is built on it`;
}

/** "8:1" of the block device behind a path; empty where there is none. */
export function numberOf(system: DeviceSystem, file: string): string {
  try {
    const status = system.stat(system.resolve(file));
    return status.isBlockDevice() ? deviceNumber(status.rdev) : '';
  } catch {
    return '';
  }
}

/** What the kernel counts up for each device and medium that it meets (`diskseq`, since Linux 5.15); empty where it does not. */
export function diskSequenceOf(system: DeviceSystem, facts: DeviceFacts): string {
  return readText(system, `${facts.diskDirectory}/diskseq`);
}

/** glibc's layout of dev_t: "8:1". */
export function deviceNumber(rdev: number): string {
  return `${(rdev >>> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >>> 12) & 0xfff00)}`;
}

/** Empty where the file is not there or cannot be read. */
export function readText(system: DeviceSystem, path: string): string {
  return Buffer.from(readBytes(system, path)).toString('utf8').trim();
}

export function readBytes(system: DeviceSystem, path: string): Uint8Array {
  try {
    return system.readBytes(path);
  } catch {
    return new Uint8Array(0);
  }
}

export function list(system: DeviceSystem, path: string): string[] {
  try {
    return system.list(path).toSorted();
  } catch {
    return [];
  }
}

function parentOf(directory: string): string {
  return directory.slice(0, directory.lastIndexOf('/'));
}

export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').trim();
}
