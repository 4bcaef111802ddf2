import { beforeEach, describe, expect, it } from 'vitest';
import { openBlockDevice } from '../../src/lun/block-device.ts';
import type { Lun, LunErrorKind } from '../../src/lun/lun.ts';
import { addScsiDisk, createFakeDevices, systemError, type FakeDevices } from '../support/fake-devices.ts';
import { failureOf } from '../support/lun-failure.ts';
import { createFakeClock, settle, type FakeClock } from '../support/fake-clock.ts';

const BLOCK = 4096;
const SIZE = 6 << 20;

let system: FakeDevices;
let clock: FakeClock;
beforeEach(() => {
  system = createFakeDevices(SIZE);
  addScsiDisk(system, BLOCK);
  clock = createFakeClock();
});

const open = (path = '/dev/sda'): Promise<Lun> => openBlockDevice({ clock, system }, path);

describe('a block device', () => {
  it('is found under any of its names and tells what the kernel knows', async () => {
    const lun = await open('/dev/disk/by-id/wwn-0x5001405f01020304');
    expect(lun.path).toBe('/dev/disk/by-id/wwn-0x5001405f01020304');
    expect(await lun.capacity()).toEqual({ blockSize: BLOCK, blockCount: SIZE / BLOCK });
    expect(await lun.identify()).toEqual({
      vendor: 'ACME',
      product: 'TEST DISK',
      revision: '0001',
      serial: '',
      worldWideName: '5001405f01020304',
    });
  });

  it('prefers the vital product data pages where the kernel has them', async () => {
    const device = '/sys/devices/pci0/block/sda/device';
    system.files.set(`${device}/vpd_pg80`, Uint8Array.from([0, 0x80, 0, 4, 0x41, 0x42, 0x43, 0x44]));
    system.files.set(`${device}/vpd_pg83`, Uint8Array.from([0, 0x83, 0, 12, 1, 3, 0, 8, 0x60, 1, 2, 3, 4, 5, 6, 7]));
    const identity = await (await open()).identify();
    expect(identity.serial).toBe('ABCD');
    expect(identity.worldWideName).toBe('6001020304050607');
  });

  it('takes a multipath device by the identity of its first path', async () => {
    const mapped = '/sys/devices/virtual/block/dm-0';
    system.files.set(`${mapped}/dev`, '253:0');
    system.files.set(`${mapped}/size`, '16');
    system.files.set(`${mapped}/queue/logical_block_size`, '512');
    system.files.set(`${mapped}/dm/uuid`, 'mpath-35001405f01020304');
    system.files.set(`${mapped}/slaves/sda/dev`, '8:0');
    system.links.set(`${mapped}/slaves/sda`, '/sys/devices/pci0/block/sda');
    system.links.set('/sys/dev/block/253:0', mapped);
    system.links.set('/dev/mapper/mpatha', '/dev/dm-0');
    system.devices.set('/dev/dm-0', [253, 0]);
    const lun = await open('/dev/mapper/mpatha');
    expect(await lun.capacity()).toEqual({ blockSize: 512, blockCount: 16 });
    expect((await lun.identify()).worldWideName).toBe('5001405f01020304');
  });

  it('is no partition: block 0 of one is not block 0 of the LUN', async () => {
    const error = await failureOf(open('/dev/sda1'));
    expect(error.kind).toBe('refused-for-safety');
    expect(error.message).toContain('partition 1 of sda: a partition is not a LUN');
    expect(system.calls).toEqual([]);
  });

  it('may be a partition for whoever holds it and knows it by its number and start', async () => {
    system.files.set('/sys/devices/pci0/block/sda/sda1/start', '8');
    const lun = await openBlockDevice({ clock: clock, system, held: true }, '/dev/sda1');
    expect((await lun.identify()).worldWideName).toBe('5001405f01020304 partition 1 at 8');
    await lun.close();
  });

  it('reads and writes whole aligned blocks, large ones in pieces', async () => {
    const lun = await open();
    const data = Uint8Array.from({ length: 5 << 20 }, (_, index) => (index >> 8) & 0xff);
    await lun.write(1, data, { forceUnitAccess: true });
    expect(system.calls.at(-1)).toBe('fdatasync');
    expect(Buffer.compare(system.disk.subarray(BLOCK, BLOCK + data.length), data)).toBe(0);
    expect(Buffer.compare(await lun.read(1, data.length / BLOCK), data)).toBe(0);
    await lun.flush();
    await lun.close();
    expect(system.openDescriptors.size).toBe(0);
    expect((await failureOf(lun.read(0, 1))).kind).toBe('no-path');
  });

  it('refuses what is outside or not whole', async () => {
    const lun = await open();
    expect((await failureOf(lun.read(SIZE / BLOCK, 1))).kind).toBe('bad-argument');
    expect((await failureOf(lun.read(-1, 1))).kind).toBe('bad-argument');
    expect((await failureOf(lun.write(0, new Uint8Array(512)))).kind).toBe('bad-argument');
  });
});

describe('a device in use', () => {
  const disk = '/sys/devices/pci0/block/sda';
  const mount = (line: string): void => void system.files.set('/proc/self/mountinfo', `${line}\n`);

  it.each<[string, () => void, RegExp]>([
    ['mounted', () => mount('36 35 8:0 / /data rw - ext4 /dev/sda rw'), /mounted on \/data/],
    ['with a mounted partition', () => mount('36 35 8:1 / /data rw master:1 - ext4 /dev/sda1 rw'), /mounted on \/data/],
    [
      'mounted by a file system over several devices',
      () => mount('36 35 0:44 / /pool rw - btrfs /dev/disk/by-id/wwn-0x5001405f01020304 rw'),
      /mounted on \/pool/,
    ],
    [
      'used as swap',
      () => system.files.set('/proc/swaps', 'Filename Type Size Used Priority\n/dev/sda1 partition 1 0 -2\n'),
      /swap/,
    ],
    ['built upon', () => system.files.set(`${disk}/holders/dm-0/dev`, '253:0'), /dm-0 is built on it/],
    ['with a partition built upon', () => system.files.set(`${disk}/sda1/holders/md0/dev`, '9:0'), /md0/],
  ])('is refused when %s', async (_name, use, why) => {
    use();
    const error = await failureOf(open());
    expect(error.kind).toBe('refused-for-safety');
    expect(error.message).toMatch(why);
    expect(system.calls).toEqual([]);
  });

  it('is refused when held exclusively, after a few attempts', async () => {
    system.failures.push(...Array.from({ length: 5 }, () => systemError('EBUSY', 16)));
    const error = await clock.run(failureOf(open()));
    expect(error.kind).toBe('refused-for-safety');
    expect(system.calls).toEqual(Array.from({ length: 5 }, () => 'open /dev/sda ro exclusive'));
  });

  it('is opened for reading alone whoever uses it, and takes no write', async () => {
    mount('36 35 8:0 / /data rw - ext4 /dev/sda rw');
    const lun = await openBlockDevice({ clock, system, onlyReads: true }, '/dev/sda');
    expect(system.calls).toEqual(['open /dev/sda ro']);
    expect(await lun.capacity()).toEqual({ blockSize: BLOCK, blockCount: SIZE / BLOCK });
    expect((await failureOf(lun.write(0, new Uint8Array(BLOCK)))).kind).toBe('write-protected');
  });

  it('is opened when another program only probed it at the same moment', async () => {
    system.failures.push(systemError('EBUSY', 16), systemError('EBUSY', 16));
    await clock.run(open());
    expect(system.calls.slice(-2)).toEqual(['open /dev/sda ro exclusive', 'open /dev/sda rw']);
    expect(system.openDescriptors.size).toBe(1);
  });
});

describe('a path that leads to another device than it did', () => {
  const byId = '/dev/disk/by-id/wwn-0x5001405f01020304';
  const disk = '/sys/devices/pci0/block/sda';
  const commandBlock = { onlyAsLastRead: true };

  /** /dev/sdb (8:16), another LUN. */
  function addOther(): void {
    const other = '/sys/devices/pci1/block/sdb';
    system.files.set(`${other}/dev`, '8:16').set(`${other}/size`, '16');
    system.files.set(`${other}/queue/logical_block_size`, String(BLOCK));
    system.devices.set('/dev/sdb', [8, 16]);
    system.links.set('/sys/dev/block/8:16', other);
  }

  it('is not opened where it changes meanwhile', async () => {
    addOther();
    const plain = { ...system };
    system.open = (path, options) => plain.open(options.exclusive ? path : '/dev/sdb', options);
    const error = await failureOf(open(byId));
    expect([error.kind, error.outcome]).toEqual(['no-path', 'not-done']);
    expect(error.message).toContain('8:16');
    expect(system.openDescriptors.size).toBe(0);
  });

  it.each<[string, () => void, RegExp]>([
    [
      'its name is given to another',
      () => {
        addOther();
        system.links.set(byId, '/dev/sdb');
      },
      /leads to device 8:16 now, not to 8:0/,
    ],
    ['its name is gone', () => system.links.delete(byId), /leads to no device/],
    ['another has its number', () => system.files.set(`${disk}/diskseq`, '8'), /taken its place/],
    [
      'its LUN was mapped anew',
      () => system.files.set(`${disk}/device/wwid`, 'naa.5001405fffffffff'),
      /LUN 5001405fffffffff now, not 5001405f01020304/,
    ],
    ['its serial number is another', () => system.files.set(`${disk}/device/serial`, 'S2'), /serial number is S2 now/],
  ])('takes no command block when %s', async (_name, change, why) => {
    system.files.set(`${disk}/diskseq`, '7').set(`${disk}/device/serial`, 'S1');
    const lun = await open(byId);
    await lun.read(0, 1);
    await lun.write(0, new Uint8Array(BLOCK).fill(1), commandBlock);
    change();
    const error = await failureOf(lun.write(0, new Uint8Array(BLOCK).fill(2), commandBlock));
    expect([error.kind, error.outcome]).toEqual(['no-path', 'not-done']);
    expect(error.message).toMatch(why);
    expect(system.disk[0]).toBe(1);
  });

  it('is the same where a multipath map has only lost its paths', async () => {
    const mapped = '/sys/devices/virtual/block/dm-0';
    system.files.set(`${mapped}/dev`, '253:0').set(`${mapped}/size`, '16').set(`${mapped}/dm/uuid`, 'mpath-3500');
    system.files.set(`${mapped}/queue/logical_block_size`, '512').set(`${mapped}/slaves/sda/dev`, '8:0');
    system.links.set(`${mapped}/slaves/sda`, disk).set('/sys/dev/block/253:0', mapped);
    system.devices.set('/dev/dm-0', [253, 0]);
    const lun = await open('/dev/dm-0');
    system.files.delete(`${mapped}/slaves/sda/dev`);
    await lun.write(0, new Uint8Array(512).fill(3), commandBlock);
    expect(system.disk[0]).toBe(3);
    system.files.set(`${mapped}/slaves/sdb/dev`, '8:16');
    system.links.set(`${mapped}/slaves/sdb`, '/sys/devices/pci1/block/sdb');
    system.files.set('/sys/devices/pci1/block/sdb/device/wwid', 'naa.600a');
    expect((await failureOf(lun.write(0, new Uint8Array(512), commandBlock))).message).toContain('LUN 600a now');
  });
});

describe('a device whose size changes', () => {
  it('grows, which a new look at its capacity shows', async () => {
    const lun = await open();
    system.files.set('/sys/devices/pci0/block/sda/size', String(SIZE / 512 + 16));
    expect((await lun.capacity()).blockCount).toBe(SIZE / BLOCK + 2);
  });

  it('shrinks, and says so instead of what the kernel says', async () => {
    const lun = await open();
    system.files.set('/sys/devices/pci0/block/sda/size', '16');
    system.failures.push(systemError('ENOSPC', 28));
    const error = await failureOf(lun.write(2, new Uint8Array(BLOCK)));
    expect([error.kind, error.outcome]).toEqual(['io-error', 'unknown']);
    expect(error.message).toContain('has become smaller, it has 2 blocks now');
    await lun.capacity();
    expect((await failureOf(lun.read(2, 1))).kind).toBe('bad-argument');
  });
});

describe('failures', () => {
  it.each<[string, number, LunErrorKind, 'not-done' | 'unknown', RegExp]>([
    ['EBADE', 52, 'reservation-conflict', 'not-done', /RESERVATION CONFLICT/],
    ['EREMOTEIO', 121, 'check-condition', 'unknown', /ILLEGAL REQUEST, WRITE PROTECTED, MISCOMPARE or HARDWARE ERROR/],
    ['ENODATA', 61, 'io-error', 'unknown', /MEDIUM ERROR/],
    ['ENOSPC', 28, 'io-error', 'unknown', /thin pool/],
    ['ENOLINK', 67, 'no-path', 'unknown', /transport failure/],
    ['ENXIO', 6, 'no-path', 'unknown', /gone/],
    ['EIO', 5, 'io-error', 'unknown', /NOT READY, ABORTED COMMAND, a lost path/],
    ['ETIMEDOUT', 110, 'timeout', 'unknown', /did not answer in time/],
    ['Unknown system error -99', 99, 'io-error', 'unknown', /operating system/],
  ])('%s of a write', async (code, errno, kind, outcome, words) => {
    const lun = await open();
    system.failures.push(systemError(code, errno));
    const error = await failureOf(lun.write(0, new Uint8Array(BLOCK)));
    expect([error.kind, error.outcome]).toEqual([kind, outcome]);
    expect(error.message).toContain('WRITE of 1 blocks at block 0');
    expect(error.message).toMatch(words);
    system.failures.push(systemError(code, errno));
    expect((await failureOf(lun.read(0, 1))).outcome).toBe('not-done');
  });

  it('of a loop device or drive with nothing in it: it has a name, but no blocks', async () => {
    system.files.set('/sys/devices/pci0/block/sda/size', '0');
    const error = await failureOf(open());
    expect(error.kind).toBe('no-path');
    expect(error.message).toContain('no medium');
  });

  it('EPERM of a write: Linux opens a read-only device for writing', async () => {
    const lun = await open();
    system.failures.push(systemError('EPERM', 1));
    const error = await failureOf(lun.write(0, new Uint8Array(BLOCK)));
    expect([error.kind, error.outcome]).toEqual(['write-protected', 'not-done']);
    expect(error.message).toContain('read-only');
  });

  it('leave the outcome unknown where another piece of the write was done', async () => {
    const lun = await open();
    system.failures.push(undefined, systemError('EBADE', 52));
    const error = await failureOf(lun.write(0, new Uint8Array(2 << 20)));
    expect([error.kind, error.outcome]).toEqual(['reservation-conflict', 'unknown']);
  });

  it.each<[string, number, LunErrorKind]>([
    ['ENOENT', 2, 'no-path'],
    ['EACCES', 13, 'no-path'],
    ['ENOTDIR', 20, 'no-path'],
    ['ENOMEDIUM', 123, 'no-medium'],
  ])('%s when opening', async (code, errno, kind) => {
    system.failures.push(systemError(code, errno));
    expect((await failureOf(open())).kind).toBe(kind);
  });

  it('of names that lead nowhere', async () => {
    expect((await failureOf(open('/dev/sdz'))).kind).toBe('no-path');
    system.files.set('/dev/null', '');
    expect((await failureOf(open('/dev/null'))).kind).toBe('bad-argument');
  });

  it('opens a read-only device for reading only', async () => {
    system.failures.push(undefined, systemError('EROFS', 30));
    const lun = await open();
    await lun.read(0, 1);
    expect((await failureOf(lun.write(0, new Uint8Array(BLOCK)))).kind).toBe('write-protected');
  });

  it('gives up in time, keeps the descriptor open as long as the kernel works, and begins nothing more', async () => {
    const lun = await open();
    let release = (): void => undefined;
    system.stall = new Promise((resolve) => (release = resolve));
    const data = new Uint8Array(SIZE).fill(1);
    const write = failureOf(lun.write(0, data, { timeoutMs: 1000 }));
    const error = await clock.run(write);
    expect([error.kind, error.outcome]).toEqual(['timeout', 'unknown']);
    await lun.close();
    expect(system.openDescriptors.size).toBe(1);
    release();
    await settle();
    expect(system.openDescriptors.size).toBe(0);
    expect(system.disk[4 << 20]).toBe(0);
  });
});
