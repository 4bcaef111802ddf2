import { equalBytes } from '../../base/bytes.ts';
import type { CopyRequest, CopySegment, CopyUnit } from '../../scsi/extended-copy.ts';
import { SCSI_STATUS, ScsiFault } from '../../scsi/fault.ts';
import { DEVICE_TYPE } from '../../scsi/inquiry.ts';
import { COMMANDS } from '../../scsi/opcode-table.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { betweenSteps, isAborted, throwIfAborted, type CommandContext } from './command-context.ts';
import { copyAborted, reservationConflict } from './faults.ts';
import { mayAccess } from './reservation-check.ts';
import { unitSupports } from './unit-support.ts';
import { designators } from './vital-product-data.ts';
import { requireReadable, requireUnprotected } from './write-access.ts';

/**
 * The copy manager: carries out block to block segments between units of this array, as the nexus that asked for it: it
 * reads and writes what that nexus could read and write, checked anew before every piece.
 */

/** Bytes that are read and written at a time. */
const PIECE_BYTES = 1024 * 1024;

const SENSE = {
  deviceFailure: [0x0d, 0x01],
  unreachable: [0x0d, 0x02],
  wrongDeviceType: [0x0d, 0x03],
  noSuchIndex: [0x08, 0x04],
  inexactSegment: [0x26, 0x0a],
} as const;

export interface CopyProgress {
  readonly segmentsProcessed: number;
  readonly bytesCopied: number;
}

export async function copySegments(
  context: CommandContext,
  request: CopyRequest,
  onProgress: (progress: CopyProgress) => void,
): Promise<void> {
  let bytesCopied = 0;
  for (const [index, segment] of request.segments.entries()) {
    if (index > 0) await betweenSteps(context.channel, context.task);
    const copied = (bytes: number): void => {
      bytesCopied += bytes;
      onProgress({ segmentsProcessed: index, bytesCopied });
    };
    await copySegment(context, request, segment, copied).catch((error: unknown) => {
      throw inSegment(error, index, bytesCopied);
    });
    onProgress({ segmentsProcessed: index + 1, bytesCopied });
  }
}

async function copySegment(
  context: CommandContext,
  request: CopyRequest,
  segment: CopySegment,
  copied: (bytes: number) => void,
): Promise<void> {
  const source = await unitOf(context, request, segment.source);
  const destination = await unitOf(context, request, segment.destination);
  const byteLength = checkedLength(segment, source, destination);
  for (let done = 0; done < byteLength; done += PIECE_BYTES) {
    const piece = Math.min(PIECE_BYTES, byteLength - done);
    if (done > 0) await betweenSteps(context.channel, context.task);
    await copyPiece(context, { source, destination, segment, done, piece });
    copied(piece);
  }
}

/**
 * With the segment that could not be copied. RESERVATION CONFLICT, BUSY and TASK SET FULL say that nothing was done: once
 * something is copied it is COPY ABORTED, THIRD PARTY DEVICE FAILURE instead.
 */
function inSegment(error: unknown, segment: number, bytesCopied: number): unknown {
  if (!(error instanceof ScsiFault) || error.status === SCSI_STATUS.taskAborted) return error;
  const { sense, status, message } = error;
  if (!sense && bytesCopied === 0) return error;
  const { asc, ascq } = sense ?? { asc: SENSE.deviceFailure[0], ascq: SENSE.deviceFailure[1] };
  const why = sense ? message : `${message} (status ${status.toString(16)}h) after ${bytesCopied} bytes`;
  const key = sense?.key ?? SENSE_KEY.copyAborted;
  return new ScsiFault(SCSI_STATUS.checkCondition, why, { ...sense, key, asc, ascq, commandSpecific: segment });
}

/** The visible unit that carries the designator; a LUN that the nexus may not know of is not reachable. */
async function unitOf(context: CommandContext, request: CopyRequest, index: number): Promise<LogicalUnit> {
  const wanted = request.units[index];
  if (!wanted) throw copyAborted(...SENSE.noSuchIndex, `there is no CSCD descriptor ${index}`);
  if (wanted.deviceType !== DEVICE_TYPE.disk) throw copyAborted(...SENSE.wrongDeviceType, 'not a direct access device');
  const { channel, task } = context;
  const found = channel.units.all().find((candidate) => {
    return channel.visible(task.nexus, candidate.lun) && carries(context, candidate, wanted);
  });
  const unit = found?.far?.as(task.nexus) ?? found;
  if (!unit || !unitSupports(unit, COMMANDS.extendedCopy)) throw copyAborted(...SENSE.unreachable, 'no such unit');
  await reach(unit);
  if (wanted.blockSize !== 0 && wanted.blockSize !== unit.blockSize) {
    throw copyAborted(...SENSE.wrongDeviceType, `${unit.name} has blocks of ${unit.blockSize} bytes`);
  }
  return unit;
}

/** As before a READ or WRITE of a host (`LogicalUnit.prepare`). */
async function reach(unit: LogicalUnit): Promise<void> {
  if (unit.access() !== 'none') return;
  try {
    await unit.prepare?.();
  } catch (error) {
    throw asCopyAborted(error);
  }
}

function carries(context: CommandContext, unit: LogicalUnit, wanted: CopyUnit): boolean {
  const { association, codeSet, type, value } = wanted.designator;
  return (
    association === 0 &&
    value.length > 0 &&
    designators(context.channel, unit).some((own) => {
      return own.association === 0 && own.type === type && own.codeSet === codeSet && equalBytes(own.value, value);
    })
  );
}

/** Bytes of the segment, a whole number of blocks on both sides and inside both units. */
function checkedLength(segment: CopySegment, source: LogicalUnit, destination: LogicalUnit): number {
  const counted = segment.countsDestination ? destination : source;
  const byteLength = segment.blockCount * counted.blockSize;
  if (byteLength % source.blockSize !== 0 || byteLength % destination.blockSize !== 0) {
    throw copyAborted(...SENSE.inexactSegment, 'the segment ends inside a block');
  }
  requireInside(source, segment.sourceLba, byteLength);
  requireInside(destination, segment.destinationLba, byteLength);
  return byteLength;
}

function requireInside(unit: LogicalUnit, lba: number, byteLength: number): void {
  const blockCount = byteLength / unit.blockSize;
  if (lba > unit.blockCount || blockCount > unit.blockCount - lba) {
    throw copyAborted(0x00, 0x00, `${blockCount} blocks at LBA ${lba} are not inside ${unit.name}`);
  }
}

interface Piece {
  readonly source: LogicalUnit;
  readonly destination: LogicalUnit;
  readonly segment: CopySegment;
  /** Bytes of the segment that are copied. */
  readonly done: number;
  /** Bytes. */
  readonly piece: number;
}

async function copyPiece(context: CommandContext, { source, destination, segment, done, piece }: Piece): Promise<void> {
  const { channel, task } = context;
  const data = await onBlocks(context, source, segment.sourceLba + done / source.blockSize, piece, 'read', (lba) =>
    source.read(lba, piece / source.blockSize, task.nexus),
  );
  const origin = { nexus: task.nexus, isAborted: () => isAborted(channel, task) };
  const destinationLba = segment.destinationLba + done / destination.blockSize;
  await onBlocks(context, destination, destinationLba, piece, 'write', (lba) =>
    destination.write(lba, data, { ...origin, forceUnitAccess: false }),
  );
}

/**
 * One READ or WRITE of the copy manager: locked and checked as that of the nexus would be, and while it lasts a task of the unit
 * it is for, so that a PREEMPT AND ABORT there ends the copy and waits for it.
 */
async function onBlocks<T>(
  context: CommandContext,
  unit: LogicalUnit,
  lba: number,
  byteLength: number,
  access: 'read' | 'write',
  action: (lba: number) => Promise<T>,
): Promise<T> {
  const { channel, task } = context;
  const end = channel.beginTask(unit.lun, task);
  const release = await channel.lockOf(unit.lun).acquire(lba, byteLength / unit.blockSize, false);
  try {
    throwIfAborted(channel, task);
    if (!mayAccess(channel, task.nexus, unit.lun, access)) throw reservationConflict();
    requireReadable(channel, unit);
    if (access === 'write') requireUnprotected(channel, unit);
    const result = await action(lba);
    throwIfAborted(channel, task);
    return result;
  } catch (error) {
    throw asCopyAborted(error);
  } finally {
    release();
    end();
  }
}

/** What a unit answered its copy manager: the initiator reads COPY ABORTED and the unit's own additional sense. */
function asCopyAborted(error: unknown): unknown {
  if (!(error instanceof ScsiFault) || !error.sense || error.sense.key === SENSE_KEY.copyAborted) return error;
  return copyAborted(error.sense.asc, error.sense.ascq, error.message);
}
