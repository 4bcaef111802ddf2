import type { DeviceSystem } from '../../src/lun/device-system.ts';

/** A made-up /dev, /proc and /sys with one disk's worth of bytes behind every device. */
export interface FakeDevices extends DeviceSystem {
  readonly files: Map<string, string | Uint8Array>;
  readonly links: Map<string, string>;
  /** Device files with their major and minor numbers. */
  readonly devices: Map<string, readonly [major: number, minor: number]>;
  readonly disk: Uint8Array;
  /** Thrown by the next opens, reads, writes and flushes in turn; undefined lets one pass. */
  readonly failures: (Error | undefined)[];
  readonly openDescriptors: Set<number>;
  readonly calls: string[];
  /** Holds back what the kernel does until the promise resolves. */
  stall: Promise<void> | undefined;
}

export function systemError(code: string, errno: number): Error {
  return Object.assign(new Error(`${code}: failed`), { code, errno: -errno });
}

export function createFakeDevices(diskBytes: number): FakeDevices {
  let nextDescriptor = 3;
  const absent = (path: string): Error => systemError(`ENOENT ${path}`, 2);
  const opened = new Map<number, number>();
  /** glibc's dev_t. */
  const rdevOf = (path: string): number => {
    const [major, minor] = system.devices.get(path) ?? [0, 0];
    return (major << 8) | (minor & 0xff) | ((minor >> 8) << 20);
  };
  const fail = (): void => {
    const failure = system.failures.shift();
    if (failure) throw failure;
  };
  const system: FakeDevices = {
    files: new Map(),
    links: new Map(),
    devices: new Map(),
    disk: new Uint8Array(diskBytes),
    failures: [],
    openDescriptors: new Set(),
    calls: [],
    stall: undefined,
    resolve(path) {
      const found = system.links.get(path) ?? path;
      const known = [...system.files.keys(), ...system.devices.keys()];
      if (!known.some((name) => name === found || name.startsWith(`${found}/`))) throw absent(path);
      return found;
    },
    stat: (path) => ({ isBlockDevice: () => system.devices.has(path), rdev: rdevOf(path) }),
    readBytes(path) {
      const content = system.files.get(path);
      if (content === undefined) throw absent(path);
      return typeof content === 'string' ? Buffer.from(content) : content;
    },
    list(path) {
      const below = [...system.files.keys()].filter((name) => name.startsWith(`${path}/`));
      return [...new Set(below.map((name) => name.slice(path.length + 1).split('/')[0]!))];
    },
    open(path, { writable, exclusive }) {
      system.calls.push(`open ${path} ${writable ? 'rw' : 'ro'}${exclusive ? ' exclusive' : ''}`);
      fail();
      nextDescriptor += 1;
      system.openDescriptors.add(nextDescriptor);
      opened.set(nextDescriptor, rdevOf(path));
      return nextDescriptor;
    },
    deviceOf: (fd) => opened.get(fd)!,
    close(fd) {
      if (!system.openDescriptors.delete(fd)) throw new Error(`descriptor ${fd} is not open`);
    },
    async read(fd, target, offset) {
      await use(fd);
      if (target.byteOffset % 4096 !== 0) throw systemError('EINVAL', 22);
      target.set(system.disk.subarray(offset, offset + target.length));
      return target.length;
    },
    async write(fd, source, offset) {
      await use(fd);
      if (source.byteOffset % 4096 !== 0) throw systemError('EINVAL', 22);
      system.disk.set(source, offset);
      return source.length;
    },
    async fdatasync(fd) {
      system.calls.push('fdatasync');
      await use(fd);
    },
  };

  async function use(fd: number): Promise<void> {
    if (!system.openDescriptors.has(fd)) throw systemError('EBADF', 9);
    await system.stall;
    fail();
  }

  return system;
}

/** /dev/sda (8:0) with a partition /dev/sda1 (8:1), as the kernel shows a SCSI disk. */
export function addScsiDisk(system: FakeDevices, blockSize: number): void {
  const disk = '/sys/devices/pci0/block/sda';
  const sectors = String(system.disk.length / 512);
  const entries: Record<string, string | Uint8Array> = {
    [`${disk}/dev`]: '8:0\n',
    [`${disk}/size`]: `${sectors}\n`,
    [`${disk}/queue/logical_block_size`]: `${blockSize}\n`,
    [`${disk}/device/vendor`]: 'ACME    \n',
    [`${disk}/device/model`]: 'TEST DISK       \n',
    [`${disk}/device/rev`]: '0001\n',
    [`${disk}/device/wwid`]: 'naa.5001405f01020304\n',
    [`${disk}/sda1/dev`]: '8:1\n',
    [`${disk}/sda1/partition`]: '1\n',
    [`${disk}/sda1/size`]: '8\n',
    '/proc/self/mountinfo': '22 27 0:21 / /proc rw,relatime - proc proc rw\n27 1 254:0 / / rw - ext4 /dev/root rw\n',
    '/proc/swaps': 'Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n',
  };
  for (const [path, content] of Object.entries(entries)) system.files.set(path, content);
  system.devices.set('/dev/sda', [8, 0]);
  system.devices.set('/dev/sda1', [8, 1]);
  system.links.set('/dev/disk/by-id/wwn-0x5001405f01020304', '/dev/sda');
  system.links.set('/sys/dev/block/8:0', disk);
  system.links.set('/sys/dev/block/8:1', `${disk}/sda1`);
}
