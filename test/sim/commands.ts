import { blockCdb, BLOCK_OPTION } from '../../src/scsi/cdb.ts';
import { OPCODE } from '../../src/scsi/opcode.ts';
import { getLbaStatusCdb } from '../../src/scsi/provisioning.ts';
import { worldWideNameOf } from '../../src/array/units.ts';
import { copyList, sectorsInBlock } from './effects.ts';
import { contentOf, SECTOR, type Write } from './history.ts';
import type { Draws } from './randomness.ts';
import type { Side } from './side.ts';

/** One SCSI command of an application; what it is called is what `probes.mjs` waits for. */
export interface Order {
  readonly what: string;
  readonly cdb: Uint8Array;
  readonly dataOut?: Uint8Array;
  readonly dataInLength: number;
  /** Who sends it knows afterwards that this stands there, unless others have written since. */
  readonly write?: Write;
}

/** Sectors of a volume. */
export interface Extent {
  readonly first: number;
  readonly count: number;
}

export interface OrderParts {
  readonly draws: Draws;
  readonly volume: number;
  /** Of the volume. */
  readonly sectors: number;
  readonly place: () => Extent;
  readonly announce: (place: Extent) => Write;
  /** The last write there that was answered. */
  readonly last: Write | undefined;
  /** Where the volume is, and others of that array. */
  readonly side: Side;
  readonly beside: readonly Side[];
}

const FUA = BLOCK_OPTION.forceUnitAccess;
const BYTE_CHECK = 0x02;
const STATUS_BYTES = 8 + 16 * 8;
/** Whole blocks of 4096 bytes, of either size of block. */
const ALIGNED = 8;

const WRITES = [
  ['WRITE(6)', OPCODE.write6, 0],
  ['WRITE(10)', OPCODE.write10, FUA],
  ['WRITE(12)', OPCODE.write12, FUA],
  ['WRITE(16)', OPCODE.write16, FUA],
  ['WRITE AND VERIFY(10)', OPCODE.writeAndVerify10, BYTE_CHECK],
  ['WRITE AND VERIFY(12)', OPCODE.writeAndVerify12, BYTE_CHECK],
  ['WRITE AND VERIFY(16)', OPCODE.writeAndVerify16, BYTE_CHECK],
  ['WRITE ATOMIC', OPCODE.writeAtomic16, FUA],
] as const;

const READS = [
  ['READ(6)', OPCODE.read6],
  ['READ(10)', OPCODE.read10],
  ['READ(12)', OPCODE.read12],
  ['READ(16)', OPCODE.read16],
] as const;

const VERIFIES = [
  ['VERIFY(10)', OPCODE.verify10],
  ['VERIFY(12)', OPCODE.verify12],
  ['VERIFY(16)', OPCODE.verify16],
] as const;

function aligned({ first, count }: Extent, sectors: number): Extent {
  const start = Math.min(first - (first % ALIGNED), sectors - ALIGNED);
  return { first: start, count: Math.min(Math.max(ALIGNED, count - (count % ALIGNED)), sectors - start) };
}

function blocks({ first, count }: Extent, volume: number): [lba: number, blockCount: number] {
  const sectors = sectorsInBlock(volume);
  return [first / sectors, count / sectors];
}

function write({ draws, volume, sectors, place, announce }: OrderParts): Order {
  const [what, opcode, option] = draws.pick(WRITES);
  const at = opcode === OPCODE.writeAtomic16 ? aligned(place(), sectors) : place();
  const announced = announce(at);
  const cdb = blockCdb(opcode, ...blocks(at, volume), draws.chance(0.3) ? option : 0);
  return { what, cdb, dataOut: contentOf(announced.id, at.count), dataInLength: 0, write: announced };
}

/** Of the last blocks, now and then, by a length of none. */
function writeSame(parts: OrderParts): Order {
  const { draws, volume, sectors, announce } = parts;
  const isLong = draws.chance(0.7);
  const [what, opcode] = isLong ? ['WRITE SAME(16)', OPCODE.writeSame16] : ['WRITE SAME(10)', OPCODE.writeSame10];
  const found = parts.place();
  const toEnd = draws.chance(0.3);
  const at = toEnd ? { first: sectors - found.count, count: found.count } : found;
  const [lba, count] = blocks(at, volume);
  const unmaps = draws.chance(0.5) ? BLOCK_OPTION.unmap : 0;
  const bare = isLong && draws.chance(0.2) ? BLOCK_OPTION.noDataOut : 0;
  const cdb = blockCdb(opcode, lba, toEnd ? 0 : count, unmaps | bare);
  const common = { what, cdb, dataInLength: 0 };
  if (bare) return common;
  const blockSectors = sectorsInBlock(volume);
  if (unmaps && draws.chance(0.5)) return { ...common, dataOut: new Uint8Array(blockSectors * SECTOR) };
  const announced = announce(at);
  return { ...common, dataOut: contentOf(announced.id, blockSectors), write: announced };
}

/** Often of what it has written itself, so that it matches where nobody has come in between. */
function compareAndWrite({ draws, volume, place, announce, last }: OrderParts): Order {
  const at = last && draws.chance(0.8) ? { first: last.first, count: last.count } : place();
  const announced = announce(at);
  const expected = contentOf(last && draws.chance(0.9) ? last.id : 0, at.count);
  const data = Buffer.concat([expected, contentOf(announced.id, at.count)]);
  const cdb = blockCdb(OPCODE.compareAndWrite, ...blocks(at, volume), draws.chance(0.3) ? FUA : 0);
  return { what: 'COMPARE AND WRITE', cdb, dataOut: new Uint8Array(data), dataInLength: 0, write: announced };
}

function orWrite({ draws, volume, place }: OrderParts): Order {
  const at = place();
  const data = new Uint8Array(at.count * SECTOR).fill(draws.chance(0.3) ? 0xff : 0);
  return { what: 'ORWRITE', cdb: blockCdb(OPCODE.orWrite16, ...blocks(at, volume)), dataOut: data, dataInLength: 0 };
}

function unmap({ draws, volume, place }: OrderParts): Order {
  const ranges = Array.from({ length: draws.between(2, 4) }, () => blocks(place(), volume));
  const list = new Uint8Array(8 + 16 * ranges.length);
  const view = new DataView(list.buffer);
  view.setUint16(0, list.length - 2);
  view.setUint16(2, list.length - 8);
  ranges.forEach(([lba, count], index) => {
    view.setBigUint64(8 + 16 * index, BigInt(lba));
    view.setUint32(16 + 16 * index, count);
  });
  const cdb = Uint8Array.of(OPCODE.unmap, 0, 0, 0, 0, 0, 0, 0, list.length, 0);
  return { what: 'UNMAP of several ranges', cdb, dataOut: list, dataInLength: 0 };
}

/** From any volume of the array, also from the place itself. */
function extendedCopy({ draws, volume, sectors, place, side, beside }: OrderParts): Order {
  const from = draws.pick(beside);
  const source = draws.between(0, from.image.length - 1);
  const isSame = from === side && source === volume;
  const [to, read] = [aligned(place(), sectors), aligned(place(), sectors)];
  const first = isSame && draws.chance(0.3) ? to.first : read.first;
  const count = Math.min(to.count, sectors - first);
  const list = copyList({
    from: worldWideNameOf(from.serial, from.firstLun + source),
    to: worldWideNameOf(side.serial, side.firstLun + volume),
    sourceLba: first / sectorsInBlock(source),
    destinationLba: to.first / sectorsInBlock(volume),
    blockCount: count / sectorsInBlock(source),
  });
  const cdb = new Uint8Array(16);
  cdb[0] = OPCODE.extendedCopy;
  cdb[13] = list.length;
  const what = from === side ? 'EXTENDED COPY' : 'EXTENDED COPY from another group';
  return { what, cdb, dataOut: list, dataInLength: 0 };
}

function read({ draws, volume, place }: OrderParts): Order {
  const [what, opcode] = draws.pick(READS);
  const at = place();
  return { what, cdb: blockCdb(opcode, ...blocks(at, volume)), dataInLength: at.count * SECTOR };
}

function verify(parts: OrderParts): Order {
  const { draws, volume, last } = parts;
  if (!last) return read(parts);
  const [what, opcode] = draws.pick(VERIFIES);
  const cdb = blockCdb(opcode, ...blocks(last, volume), BYTE_CHECK);
  return { what, cdb, dataOut: contentOf(last.id, last.count), dataInLength: 0 };
}

function lbaStatus({ volume, place }: OrderParts): Order {
  const [lba] = blocks(place(), volume);
  return { what: 'GET LBA STATUS', cdb: getLbaStatusCdb(lba, STATUS_BYTES), dataInLength: STATUS_BYTES };
}

function synchronize({ draws }: OrderParts): Order {
  const isLong = draws.chance(0.5);
  const [what, opcode] = isLong
    ? ['SYNCHRONIZE CACHE(16)', OPCODE.synchronizeCache16]
    : ['SYNCHRONIZE CACHE(10)', OPCODE.synchronizeCache10];
  return { what, cdb: blockCdb(opcode, 0, 0), dataInLength: 0 };
}

const ORDERS: ReadonlyArray<(parts: OrderParts) => Order> = [
  write,
  write,
  write,
  writeSame,
  writeSame,
  compareAndWrite,
  compareAndWrite,
  compareAndWrite,
  orWrite,
  unmap,
  extendedCopy,
  extendedCopy,
  read,
  read,
  verify,
  lbaStatus,
  synchronize,
];

/** Any command that reads or changes a volume. */
export function anyOrder(parts: OrderParts): Order {
  return parts.draws.pick(ORDERS)(parts);
}
