import { uninitialisedBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { describeViolation, type Decoded } from '../base/violation.ts';
import { decodeCapacity10, decodeCapacity16, type Capacity } from '../scsi/capacity.ts';
import {
  inquiryCdb,
  readCapacity10Cdb,
  readCapacity16Cdb,
  readCdb,
  synchronizeCacheCdb,
  testUnitReadyCdb,
  writeCdb,
} from '../scsi/cdb.ts';
import { decodeStandardInquiry, DEVICE_TYPE, PERIPHERAL_QUALIFIER } from '../scsi/inquiry.ts';
import { encodeLunField } from '../scsi/lun-field.ts';
import {
  decodeBlockLimits,
  decodeDeviceIdentification,
  decodeUnitSerial,
  VPD_PAGE,
  worldWideNameOf,
} from '../scsi/vpd.ts';
import { checkExtent, checkWholeBlocks } from './extent.ts';
import type { IscsiSession } from './iscsi-session.ts';
import {
  isUnsupported,
  LunError,
  type IoOptions,
  type Lun,
  type LunCapacity,
  type LunIdentity,
  type PassThrough,
  type ScsiAccess,
  type ScsiRequest,
  type WriteOptions,
} from './lun.ts';
import { watchPieces } from './partly-done.ts';
import { createPassThrough } from './pass-through.ts';
import { createScsiUnit, type ScsiUnit } from './scsi-unit.ts';
import { runSplit } from './split.ts';
import { createSteadfastUnit } from './steadfast-unit.ts';

export interface IscsiLunParts {
  /** As the operator wrote it. */
  readonly path: string;
  readonly lun: number;
  readonly session: IscsiSession;
  readonly clock: Clock;
  /** For calls that bring no timeout of their own. */
  readonly timeoutMs: number;
  /** Called once, when the LUN is closed: whoever owns the session may close it. */
  readonly release: () => Promise<void>;
  /**
   * Every command goes over the connection that it was opened with, and fails where that is lost or a unit attention has
   * come: whoever opens it anew looks at what is there then.
   */
  readonly bound?: boolean;
  /** Bound, and left alone with its unit attentions: they are for whoever's commands are passed on. */
  readonly passesThrough?: boolean;
  /** See `OpenOptions`. */
  readonly steadfast?: boolean;
}

/** Bytes of one READ or WRITE where the device names no limit of its own. */
const USUAL_TRANSFER_BYTES = 1 << 20;
const ALLOCATION_BYTES = 1024;

/** What the unit has told about itself that I/O depends on. */
interface Geometry extends Capacity {
  /** Blocks of the largest single command. */
  readonly transferBlocks: number;
}

/**
 * A LUN over an iSCSI session. Opening it reads INQUIRY data, so that a LUN that is not there or is no disk is found at
 * once, and drains the unit attentions of a new nexus. Rejects with `LunError`.
 */
export async function openIscsiLun(parts: IscsiLunParts, options: IoOptions = {}): Promise<Lun> {
  const { path, lun, session, clock } = parts;
  const unit = createScsiUnit({ path, lunField: encodeLunField(lun), session, clock });
  const opened = new IscsiLun(parts, unit);
  await opened.check(options);
  return opened;
}

class IscsiLun implements Lun {
  readonly path: string;
  readonly scsi: ScsiAccess = { execute: (request) => this.command(request) };
  private readonly parts: IscsiLunParts;
  passThrough?: PassThrough;
  interruptions?: () => number;
  private unit: ScsiUnit;
  private knownGeometry: Promise<Geometry> | undefined;
  private forceUnitAccessRefused = false;
  private closed = false;
  /** Connection over which the last READ was answered; 0: none yet. */
  private lastReadConnection = 0;

  constructor(parts: IscsiLunParts, unit: ScsiUnit) {
    this.path = parts.path;
    this.parts = parts;
    this.unit = unit;
  }

  async check(options: IoOptions): Promise<void> {
    const deadlineMs = this.deadline(options);
    const inquiry = this.decode(decodeStandardInquiry(await this.readData('INQUIRY', inquiryCdb(96), 96, deadlineMs)));
    if (inquiry.peripheralQualifier !== PERIPHERAL_QUALIFIER.connected || inquiry.deviceType === DEVICE_TYPE.none) {
      throw new LunError('no-such-lun', this.path, `${this.path}: the target has no LUN ${this.parts.lun}`);
    }
    if (inquiry.deviceType !== DEVICE_TYPE.disk) {
      const message = `${this.path}: LUN ${this.parts.lun} is no disk (peripheral device type ${inquiry.deviceType})`;
      throw new LunError('bad-argument', this.path, message, { about: 'device-type' });
    }
    const { bound, passesThrough, path, lun, session, clock } = this.parts;
    if (!passesThrough) await this.drainAttentions(deadlineMs);
    const connection = session.connectionNumber();
    if (bound || passesThrough) this.unit = boundUnit(this.unit, connection);
    else if (this.parts.steadfast) await this.holdFast(deadlineMs);
    if (passesThrough) this.passThrough = createPassThrough({ path, lun, session, clock, connection });
  }

  private async holdFast(deadlineMs: number): Promise<void> {
    const { path, session } = this.parts;
    const { unit } = this;
    const identify = (untilMs: number): Promise<LunIdentity> => this.askIdentity(unit, untilMs);
    const steadfast = await createSteadfastUnit({ path, unit, session, identify }, deadlineMs);
    this.unit = steadfast;
    this.interruptions = () => steadfast.interruptions();
  }

  /** A unit that is not ready or reserved can still be looked at. */
  private async drainAttentions(deadlineMs: number): Promise<void> {
    try {
      await this.unit.execute({ what: 'TEST UNIT READY', cdb: testUnitReadyCdb(), deadlineMs, repeatable: true });
    } catch (error) {
      const passable = error instanceof LunError && error.kind !== 'no-path' && error.kind !== 'timeout';
      if (!passable) throw error;
    }
  }

  async identify(options: IoOptions = {}): Promise<LunIdentity> {
    return this.askIdentity(this.unit, this.deadline(options));
  }

  private async askIdentity(unit: ScsiUnit, deadlineMs: number): Promise<LunIdentity> {
    const bytes = await this.readData('INQUIRY', inquiryCdb(96), 96, deadlineMs, unit);
    const inquiry = this.decode(decodeStandardInquiry(bytes));
    const serial = await this.vital(VPD_PAGE.unitSerialNumber, decodeUnitSerial, deadlineMs, unit);
    const designators = await this.vital(VPD_PAGE.deviceIdentification, decodeDeviceIdentification, deadlineMs, unit);
    return {
      vendor: inquiry.vendor,
      product: inquiry.product,
      revision: inquiry.revision,
      serial: serial ?? '',
      worldWideName: designators ? worldWideNameOf(designators) : '',
    };
  }

  async capacity(options: IoOptions = {}): Promise<LunCapacity> {
    this.knownGeometry = undefined;
    const { blockSize, blockCount } = await this.geometry(this.deadline(options));
    return { blockSize, blockCount };
  }

  async read(lba: number, blockCount: number, options: IoOptions = {}): Promise<Uint8Array> {
    const deadlineMs = this.deadline(options);
    const geometry = await this.geometry(deadlineMs);
    checkExtent(this.path, geometry, lba, blockCount);
    const data = uninitialisedBytes(blockCount * geometry.blockSize);
    await runSplit(blockCount, geometry.transferBlocks, async (from, count) => {
      const room = data.subarray(from * geometry.blockSize, (from + count) * geometry.blockSize);
      await this.readBlocks(lba + from, count, room, deadlineMs);
    });
    return data;
  }

  private async readBlocks(lba: number, blockCount: number, room: Uint8Array, deadlineMs: number): Promise<void> {
    const what = `READ of ${blocks(blockCount)} at block ${lba}`;
    const answer = await this.unit.execute({
      what,
      cdb: readCdb(lba, blockCount),
      dataIn: room,
      deadlineMs,
      repeatable: true,
    });
    this.lastReadConnection = this.parts.session.connectionNumber();
    if (answer.receivedLength === room.length && answer.residual.kind === 'none') return;
    throw this.broken(what, `GOOD with ${answer.receivedLength} of ${room.length} bytes`);
  }

  async write(lba: number, data: Uint8Array, options: WriteOptions = {}): Promise<void> {
    const deadlineMs = this.deadline(options);
    const geometry = await this.geometry(deadlineMs);
    const blockCount = checkWholeBlocks(this.path, geometry, data);
    checkExtent(this.path, geometry, lba, blockCount);
    const repeatable = options.repeatable ?? false;
    const only = options.onlyAsLastRead ? { onlyConnection: this.lastReadConnection } : {};
    const wanted = options.forceUnitAccess ?? false;
    const force = wanted && !this.forceUnitAccessRefused;
    const watch = watchPieces();
    const part = (from: number, count: number): Promise<void> => {
      const piece = data.subarray(from * geometry.blockSize, (from + count) * geometry.blockSize);
      return watch.piece(() => this.writeBlocks(lba + from, count, piece, { force, deadlineMs, repeatable, ...only }));
    };
    try {
      await runSplit(blockCount, geometry.transferBlocks, part);
    } catch (error) {
      if (force && isInvalidField(error)) return this.writeThenFlush(lba, data, options, deadlineMs);
      throw watch.failure(error);
    }
    if (wanted && !force) await this.synchronize(deadlineMs);
  }

  /** A device without FUA (DPOFUA = 0) refuses the bit; a flush afterwards has the same effect. */
  private async writeThenFlush(
    lba: number,
    data: Uint8Array,
    options: WriteOptions,
    deadlineMs: number,
  ): Promise<void> {
    const timeoutMs = deadlineMs - this.parts.clock.monotonicMs();
    await this.write(lba, data, { ...options, timeoutMs, forceUnitAccess: false });
    this.forceUnitAccessRefused = true;
    await this.synchronize(deadlineMs);
  }

  private async writeBlocks(
    lba: number,
    blockCount: number,
    data: Uint8Array,
    how: { force: boolean; deadlineMs: number; repeatable: boolean; onlyConnection?: number },
  ): Promise<void> {
    const what = `WRITE of ${blocks(blockCount)} at block ${lba}`;
    const cdb = writeCdb(lba, blockCount, how.force);
    const answer = await this.unit.execute({
      what,
      cdb,
      dataOut: data,
      deadlineMs: how.deadlineMs,
      repeatable: how.repeatable,
      ...(how.onlyConnection !== undefined && { onlyConnection: how.onlyConnection }),
    });
    if (answer.residual.kind === 'none') return;
    throw this.broken(what, `GOOD with a residual of ${answer.residual.count} bytes`, 'unknown');
  }

  async flush(options: IoOptions = {}): Promise<void> {
    await this.synchronize(this.deadline(options));
  }

  private async synchronize(deadlineMs: number): Promise<void> {
    await this.unit.execute({ what: 'SYNCHRONIZE CACHE', cdb: synchronizeCacheCdb(), deadlineMs, repeatable: true });
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.parts.release();
  }

  private geometry(deadlineMs: number): Promise<Geometry> {
    this.knownGeometry ??= this.readGeometry(deadlineMs).catch((error: unknown) => {
      this.knownGeometry = undefined;
      throw error;
    });
    return this.knownGeometry;
  }

  private async readGeometry(deadlineMs: number): Promise<Geometry> {
    const capacity = await this.readCapacity(deadlineMs);
    const limits = await this.vital(VPD_PAGE.blockLimits, decodeBlockLimits, deadlineMs);
    const usual = Math.max(1, limits?.optimalTransfer || USUAL_TRANSFER_BYTES / capacity.blockSize);
    return { ...capacity, transferBlocks: Math.min(usual, limits?.maximumTransfer || Infinity, 0xffff_ffff) };
  }

  private async readCapacity(deadlineMs: number): Promise<Capacity> {
    try {
      return this.decode(
        decodeCapacity16(await this.readData('READ CAPACITY(16)', readCapacity16Cdb(32), 32, deadlineMs)),
      );
    } catch (error) {
      if (!isUnsupported(error)) throw error;
    }
    const short = this.decode(
      decodeCapacity10(await this.readData('READ CAPACITY(10)', readCapacity10Cdb(), 8, deadlineMs)),
    );
    if (short) return short;
    throw this.broken('READ CAPACITY(10)', 'more blocks than fit 32 bits, but no READ CAPACITY(16)');
  }

  /** A vital product data page; undefined where the unit does not have it. */
  private async vital<T>(
    page: number,
    decode: (bytes: Uint8Array) => Decoded<T>,
    deadlineMs: number,
    unit = this.unit,
  ): Promise<T | undefined> {
    const what = `INQUIRY of VPD page ${page.toString(16).padStart(2, '0')}h`;
    try {
      const cdb = inquiryCdb(ALLOCATION_BYTES, page);
      const bytes = await this.readData(what, cdb, ALLOCATION_BYTES, deadlineMs, unit);
      return this.decode(decode(bytes));
    } catch (error) {
      if (isUnsupported(error)) return undefined;
      throw error;
    }
  }

  private async readData(
    what: string,
    cdb: Uint8Array,
    length: number,
    deadlineMs: number,
    unit = this.unit,
  ): Promise<Uint8Array> {
    const dataIn = new Uint8Array(length);
    const answer = await unit.execute({ what, cdb, dataIn, deadlineMs, repeatable: true });
    return dataIn.subarray(0, answer.receivedLength);
  }

  private async command(request: ScsiRequest): Promise<Uint8Array> {
    const { what, cdb, dataOut, dataInLength = 0, repeatable } = request;
    const dataIn = new Uint8Array(dataInLength);
    const answer = await this.unit.execute({
      what,
      cdb,
      deadlineMs: this.deadline(request),
      repeatable,
      ...(dataOut && { dataOut }),
      ...(dataInLength > 0 && { dataIn }),
    });
    return dataIn.subarray(0, answer.receivedLength);
  }

  /** When a call that begins now must have ended. */
  private deadline(options: IoOptions): number {
    if (this.closed) throw new LunError('no-path', this.path, `${this.path}: closed`);
    return this.parts.clock.monotonicMs() + (options.timeoutMs ?? this.parts.timeoutMs);
  }

  private decode<T>(result: Decoded<T>): T {
    if (result.ok) return result.value;
    throw this.broken('answer', describeViolation(result.violation));
  }

  private broken(what: string, why: string, outcome: 'not-done' | 'unknown' = 'not-done'): LunError {
    return new LunError('io-error', this.path, `${this.path}: ${what}: the device contradicts itself: ${why}`, {
      outcome,
    });
  }
}

function boundUnit(unit: ScsiUnit, onlyConnection: number): ScsiUnit {
  return { execute: (command) => unit.execute({ ...command, onlyConnection }) };
}

function isInvalidField(error: unknown): boolean {
  return error instanceof LunError && error.sense?.key === 5 && error.sense.asc === 0x24;
}

function blocks(count: number): string {
  return count === 1 ? '1 block' : `${count} blocks`;
}
