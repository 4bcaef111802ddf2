import { readU32, readU64 } from '../../src/base/bytes.ts';
import type { DeviceServer, ScsiReply, ScsiTask } from '../../src/scsi/task.ts';

/** A few disks behind a target port, small enough to be read at a glance: independent of the product's own server. */
export interface DiskServer extends DeviceServer {
  /** Bytes by LUN. */
  readonly disks: ReadonlyMap<number, Uint8Array>;
  /** Operation codes in the order in which they came. */
  readonly seen: number[];
  /** Answers in place of the disk where it returns something; set by tests. */
  intercept: ((task: ScsiTask) => ScsiReply | Promise<ScsiReply> | undefined) | undefined;
  /** Bytes that VPD page B0h is made of, without header; undefined: the page is not there. */
  blockLimits: Uint8Array | undefined;
}

export const BLOCK_SIZE = 512;

export function fixedSense(key: number, asc: number, ascq: number): ScsiReply {
  const sense = new Uint8Array(18);
  sense.set([0x70, 0, key]);
  sense.set([10], 7);
  sense.set([asc, ascq], 12);
  return { status: 2, sense };
}

export function createDiskServer(sizes: Readonly<Record<number, number>> = { 1: 4096 * BLOCK_SIZE }): DiskServer {
  const disks = new Map(Object.entries(sizes).map(([lun, size]) => [Number(lun), new Uint8Array(size)]));
  const server: DiskServer = {
    disks,
    seen: [],
    intercept: undefined,
    blockLimits: undefined,
    async execute(task) {
      server.seen.push(task.cdb[0]!);
      return (await server.intercept?.(task)) ?? answer(server, task);
    },
    nexusOpened: () => undefined,
    nexusLost: () => undefined,
    reset: () => undefined,
  };
  return server;
}

function answer(server: DiskServer, task: ScsiTask): ScsiReply {
  const { cdb } = task;
  const disk = server.disks.get((task.lun[0]! & 0x3f) * 256 + task.lun[1]!);
  if (cdb[0] === 0xa0) return { status: 0, dataIn: reportLuns([...server.disks.keys()]).slice(0, readU32(cdb, 6)) };
  if (cdb[0] === 0x12) return inquiry(server, cdb, disk !== undefined);
  if (!disk) return fixedSense(5, 0x25, 0);
  switch (cdb[0]) {
    case 0x00:
    case 0x35:
      return { status: 0 };
    case 0x9e:
      return { status: 0, dataIn: capacity(disk.length / BLOCK_SIZE) };
    case 0x28:
      return transfer(disk, readU32(cdb, 2), cdb[7]! * 256 + cdb[8]!);
    case 0x88:
      return transfer(disk, readU64(cdb, 2), readU32(cdb, 10));
    case 0x2a:
      disk.set(task.dataOut, readU32(cdb, 2) * BLOCK_SIZE);
      return { status: 0, wantedDataOut: task.dataOut.length };
    default:
      return fixedSense(5, 0x20, 0);
  }
}

function transfer(disk: Uint8Array, lba: number, count: number): ScsiReply {
  if ((lba + count) * BLOCK_SIZE > disk.length) return fixedSense(5, 0x21, 0);
  return { status: 0, dataIn: disk.slice(lba * BLOCK_SIZE, (lba + count) * BLOCK_SIZE) };
}

function capacity(blockCount: number): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32BE(blockCount - 1, 4);
  bytes.writeUInt32BE(BLOCK_SIZE, 8);
  return new Uint8Array(bytes);
}

function reportLuns(luns: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(8 + 8 * luns.length);
  bytes.writeUInt32BE(8 * luns.length, 0);
  luns.forEach((lun, index) => bytes.writeUInt16BE(lun < 256 ? lun : 0x4000 | lun, 8 + 8 * index));
  return new Uint8Array(bytes);
}

function inquiry(server: DiskServer, cdb: Uint8Array, present: boolean): ScsiReply {
  if (cdb[1] === 0) return { status: 0, dataIn: standardInquiry(present) };
  const pages: Record<number, Uint8Array | undefined> = {
    0x80: Buffer.from('SERIAL-0001'),
    0x83: Uint8Array.of(1, 3, 0, 8, 0x50, 0x01, 0x40, 0x5f, 1, 2, 3, 4),
    0xb0: server.blockLimits,
  };
  const content = pages[cdb[2]!];
  if (!content) return fixedSense(5, 0x24, 0);
  return { status: 0, dataIn: new Uint8Array(Buffer.concat([Uint8Array.of(0, cdb[2]!, 0, content.length), content])) };
}

function standardInquiry(present: boolean): Uint8Array {
  const bytes = Buffer.alloc(36);
  bytes[0] = present ? 0x00 : 0x7f;
  bytes.set([6, 2, 31], 2);
  bytes.write('ACME    TEST DISK       0001', 8, 'latin1');
  return new Uint8Array(bytes);
}
