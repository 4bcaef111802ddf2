import { decodeUnmapList } from '../../src/scsi/provisioning.ts';
import type { ScsiTask } from '../../src/scsi/task.ts';
import { ONES, possibleStamps, SECTOR, UNCHANGED, ZEROS, type Write } from './history.ts';
import { roleOf, type Side } from './side.ts';

/**
 * What the commands of applications mean, read off their CDBs and data alone. Those that carry data name the write in every word of
 * it; ORWRITE adds all bits or none; a copy leaves what it may have read.
 */

const CODE = {
  write6: 0x0a,
  write10: 0x2a,
  write12: 0xaa,
  write16: 0x8a,
  read6: 0x08,
  read10: 0x28,
  read12: 0xa8,
  read16: 0x88,
  verify10: 0x2f,
  verify12: 0xaf,
  verify16: 0x8f,
  writeAndVerify10: 0x2e,
  writeAndVerify12: 0xae,
  writeAndVerify16: 0x8e,
  writeAtomic: 0x9c,
  writeSame10: 0x41,
  writeSame16: 0x93,
  compareAndWrite: 0x89,
  orWrite: 0x8b,
  unmap: 0x42,
  extendedCopy: 0x83,
  serviceActionIn: 0x9e,
} as const;

const WRITES = new Set<number>([
  CODE.write6,
  CODE.write10,
  CODE.write12,
  CODE.write16,
  CODE.writeAndVerify10,
  CODE.writeAndVerify12,
  CODE.writeAndVerify16,
  CODE.writeAtomic,
]);
const READS = new Set<number>([CODE.read6, CODE.read10, CODE.read12, CODE.read16]);
const VERIFIES = new Set<number>([CODE.verify10, CODE.verify12, CODE.verify16]);
const TAKES_FUA = new Set<number>([
  CODE.write10,
  CODE.write12,
  CODE.write16,
  CODE.writeAtomic,
  CODE.compareAndWrite,
  CODE.orWrite,
]);
const FUA = 0x08;
const NO_DATA_OUT = 0x01;
const GET_LBA_STATUS = 0x12;

export function forcesUnitAccess({ cdb }: ScsiTask): boolean {
  return TAKES_FUA.has(cdb[0]!) && (cdb[1]! & FUA) !== 0;
}

/** Sectors of a block: the second volume of a group has blocks of 4096 bytes. */
export function sectorsInBlock(volume: number): number {
  return volume === 1 ? 8 : 1;
}

export function writeAt(id: number, volume: number, first: number, count: number): Write {
  return { id, volume, first, count, start: Infinity, end: Infinity, good: false, flushed: false };
}

interface Range {
  /** In blocks. */
  readonly lba: number;
  readonly count: number;
}

/** Of any command with an LBA and a length; the low 32 bits of an LBA are enough here. */
function rangeOf(cdb: Uint8Array): Range {
  const view = new DataView(cdb.buffer, cdb.byteOffset, cdb.byteLength);
  switch (cdb[0]! >>> 5) {
    case 0:
      return { lba: view.getUint32(0) & 0x1f_ffff, count: cdb[4]! || 256 };
    case 1:
    case 2:
      return { lba: view.getUint32(2), count: view.getUint16(7) };
    case 5:
      return { lba: view.getUint32(2), count: view.getUint32(6) };
    default:
      return { lba: view.getUint32(6), count: cdb[0] === CODE.compareAndWrite ? cdb[13]! : view.getUint32(10) };
  }
}

function wordAt(data: Uint8Array, offset: number): number {
  if (data.length < offset + 4) return 0;
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(offset, true);
}

/** Where the copy manager reads, by the name of the unit. */
export type FindSource = (name: Uint8Array) => { readonly side: Side; readonly volume: number } | undefined;

export interface EffectParts {
  readonly side: Side;
  readonly volume: number;
  readonly tick: () => number;
  /** Of writes that applications have told of. */
  readonly announced: ReadonlyMap<number, Write>;
  readonly findSource: FindSource;
}

/** The writes that the command stands for; none where it only looks. */
export function writesOf(task: ScsiTask, parts: EffectParts): Write[] {
  const { cdb, dataOut } = task;
  const { announced, volume } = parts;
  const code = cdb[0]!;
  const named = (offset: number): Write[] => {
    const write = announced.get(wordAt(dataOut, offset));
    return write ? [write] : [];
  };
  if (WRITES.has(code)) return named(0);
  if (code === CODE.compareAndWrite) return named(dataOut.length / 2);
  if (code === CODE.writeSame10 || code === CODE.writeSame16) {
    const isZero = (code === CODE.writeSame16 && (cdb[1]! & NO_DATA_OUT) !== 0) || wordAt(dataOut, 0) === 0;
    return isZero ? [constantAt(ZEROS, rangeOf(cdb), parts)] : named(0);
  }
  if (code === CODE.orWrite) {
    return [constantAt(wordAt(dataOut, 0) === 0 ? UNCHANGED : ONES, rangeOf(cdb), parts)];
  }
  if (code === CODE.unmap) {
    const list = decodeUnmapList(dataOut);
    const ranges = list.ok ? list.value : [];
    return ranges
      .filter(({ blockCount }) => blockCount > 0)
      .map(({ lba, blockCount }) => blocksAt(ZEROS, volume, lba, blockCount));
  }
  return code === CODE.extendedCopy ? copyOf(dataOut, parts) : [];
}

/** No blocks stands for all up to the end: only WRITE SAME comes here with none. */
function constantAt(id: number, { lba, count }: Range, { side, volume }: EffectParts): Write {
  const blocks = side.image[volume]!.length / sectorsInBlock(volume);
  return blocksAt(id, volume, lba, count === 0 ? blocks - lba : count);
}

function blocksAt(id: number, volume: number, lba: number, count: number): Write {
  const sectors = sectorsInBlock(volume);
  return writeAt(id, volume, lba * sectors, count * sectors);
}

/** EXTENDED COPY of one segment, from the first unit of its list to the second, which it was sent to. */
export function copyList(parts: {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly sourceLba: number;
  readonly destinationLba: number;
  /** In blocks of the source. */
  readonly blockCount: number;
}): Uint8Array {
  const list = new Uint8Array(SEGMENT_AT + 28);
  const view = new DataView(list.buffer);
  list[1] = 0x18;
  list[0] = 0;
  view.setUint16(2, 64);
  view.setUint32(8, 28);
  [parts.from, parts.to].forEach((name, index) => {
    list.set([0xe4, 0, 0, 0, 1, 3, 0, 16], UNIT_AT + 32 * index);
    list.set(name, UNIT_AT + 32 * index + 8);
  });
  view.setUint8(SEGMENT_AT, 2);
  view.setUint16(SEGMENT_AT + 2, 24);
  view.setUint16(SEGMENT_AT + 4, 0);
  view.setUint16(SEGMENT_AT + 6, 1);
  view.setUint16(SEGMENT_AT + 10, parts.blockCount);
  view.setBigUint64(SEGMENT_AT + 12, BigInt(parts.sourceLba));
  view.setBigUint64(SEGMENT_AT + 20, BigInt(parts.destinationLba));
  return list;
}

const UNIT_AT = 16;
const SEGMENT_AT = UNIT_AT + 64;

function copyOf(list: Uint8Array, { volume, tick, findSource }: EffectParts): Write[] {
  const source = list.length < SEGMENT_AT + 28 ? undefined : findSource(list.subarray(UNIT_AT + 8, UNIT_AT + 24));
  if (!source) return [];
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  const from = sectorsInBlock(source.volume);
  const count = view.getUint16(SEGMENT_AT + 10) * from;
  const first = view.getUint32(SEGMENT_AT + 16) * from;
  const to = view.getUint32(SEGMENT_AT + 24) * sectorsInBlock(volume);
  return [copiedFrom({ ...source, first }, writeAt(UNCHANGED, volume, to, count), tick())];
}

/** What its source held from `start` until it settles; anything, where that has no history of its own to tell it. */
function copiedFrom(
  source: { readonly side: Side; readonly volume: number; readonly first: number },
  place: Write,
  start: number,
): Write {
  const { side, volume, first } = source;
  const { history, roleChanges } = side;
  const isTold = roleOf(side.group) !== 'auxiliary' && !side.stateChanged && !side.needsBase;
  let settled: ReadonlyArray<ReadonlySet<number> | undefined> | undefined;
  const now = (index: number, depth: number): ReadonlySet<number> | undefined => {
    if (!isTold || side.history !== history || side.roleChanges !== roleChanges || side.stateChanged) return undefined;
    return possibleStamps(history, { volume, sector: first + index }, start, { depth, except: write });
  };
  const write: Write = {
    ...place,
    copied: (index, depth) => (settled ? settled[index] : now(index, depth)),
    settle: () => void (settled ??= Array.from({ length: place.count }, (_, index) => now(index, 0))),
  };
  return write;
}

/** What an answer of GOOD says that the sectors held: bytes from this sector on. */
export interface Sight {
  readonly first: number;
  readonly data: Uint8Array;
}

/** Of a READ what came back, of a comparison what it was compared with. */
export function sightOf({ cdb, dataOut }: ScsiTask, dataIn: Uint8Array | undefined, volume: number): Sight | undefined {
  const code = cdb[0]!;
  const first = rangeOf(cdb).lba * sectorsInBlock(volume);
  if (READS.has(code)) return { first, data: dataIn ?? new Uint8Array(0) };
  if (code === CODE.compareAndWrite) return { first, data: dataOut.subarray(0, dataOut.length / 2) };
  if (VERIFIES.has(code) && (cdb[1]! & 0x06) === 0x02) return { first, data: dataOut };
  if (code === CODE.serviceActionIn && (cdb[1]! & 0x1f) === GET_LBA_STATUS && dataIn) {
    return deallocatedIn(dataIn, volume);
  }
  return undefined;
}

/** The first run that GET LBA STATUS calls deallocated: it reads as zeros. */
function deallocatedIn(dataIn: Uint8Array, volume: number): Sight | undefined {
  const view = new DataView(dataIn.buffer, dataIn.byteOffset, dataIn.byteLength);
  for (let at = 8; at + 16 <= dataIn.length; at += 16) {
    if ((dataIn[at + 12]! & 0x0f) !== 1) continue;
    const sectors = sectorsInBlock(volume);
    return { first: view.getUint32(at + 4) * sectors, data: new Uint8Array(view.getUint32(at + 8) * sectors * SECTOR) };
  }
  return undefined;
}
