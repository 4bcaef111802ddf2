import { delay, type Clock } from '../base/clock.ts';
import { createAlignedBuffers, type AlignedBuffers } from './aligned-buffers.ts';
import { within } from './deadline.ts';
import { deviceError } from './device-errors.ts';
import {
  capacityOf,
  deviceNumber,
  findDevice,
  heldIdentityOf,
  identityOf,
  userOf,
  type DeviceFacts,
} from './device-facts.ts';
import { differenceOf, fingerprintOf, type DeviceFingerprint } from './device-fingerprint.ts';
import { realDeviceSystem, type DeviceSystem } from './device-system.ts';
import { checkExtent, checkWholeBlocks } from './extent.ts';
import { LunError, type IoOptions, type Lun, type LunCapacity, type LunIdentity, type WriteOptions } from './lun.ts';
import { watchPieces } from './partly-done.ts';
import { runSplit } from './split.ts';

export interface BlockDeviceParts {
  readonly clock: Clock;
  readonly system?: DeviceSystem;
  /** For calls that bring no timeout of their own. */
  readonly timeoutMs?: number;
  /** Holds the device exclusively while it is open, and names it so that no other can be taken for it. */
  readonly held?: boolean;
  /** Opens it for reading alone, whoever uses it: to look at a device that is mounted, as sg_inq may. */
  readonly onlyReads?: boolean;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** Each holds one transfer; with two, a device that hangs leaves threads to others (`device-system.ts`). */
const BUFFER_COUNT = 2;
const BUFFER_BYTES = 1 << 20;
/** Another process that probes the device at this moment holds it for microseconds. */
const PROBE_PAUSES_MS: readonly number[] = [5, 20, 50, 100];

/**
 * A raw block device under any of its names, past the page cache. A device that is mounted, swapped to, built upon or
 * held exclusively is refused (`refused-for-safety`). Rejects with `LunError`.
 *
 * The operating system cannot take back a request: after a timeout it may still be carried out, and it occupies a
 * buffer until the kernel answers.
 */
export async function openBlockDevice(parts: BlockDeviceParts, path: string, options: IoOptions = {}): Promise<Lun> {
  const { clock, system = realDeviceSystem } = parts;
  const facts = findDevice(system, path);
  // What holds it means this part of the disk, wherever it begins; its number and start are of its identity.
  if (!parts.held) refusePartition(path, facts);
  const fingerprint = fingerprintOf(system, path, facts);
  const user = parts.onlyReads ? undefined : userOf(system, facts);
  if (user !== undefined) throw new LunError('refused-for-safety', path, `${path}: in use by this machine: ${user}`);
  const capacity = capacityOf(system, path, facts);
  if (capacity.blockCount === 0) throw new LunError('no-path', path, `${path}: no medium: the device has no blocks`);
  const deadlineMs = clock.monotonicMs() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  if (!parts.onlyReads) await probeExclusively({ path, facts, system, clock, deadlineMs });
  const { fd, writable } = openAsAllowed(system, path, facts, parts);
  return new BlockDevice({
    path,
    facts,
    system,
    clock,
    fd,
    writable,
    fingerprint,
    timeoutMs: parts.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    capacity,
    identify: parts.held ? () => heldIdentityOf(system, facts) : () => identityOf(system, facts),
  });
}

/** Its block 0 is not the LUN's: a label would be sought, and data written, in the wrong place. */
function refusePartition(path: string, { partition, diskDirectory }: DeviceFacts): void {
  if (partition === undefined) return;
  const disk = diskDirectory.slice(diskDirectory.lastIndexOf('/') + 1);
  const message = `${path}: partition ${partition} of ${disk}: a partition is not a LUN; name the whole disk`;
  throw new LunError('refused-for-safety', path, message);
}

/** Whether anyone holds the device exclusively shows only in trying the same, for a moment. */
async function probeExclusively(parts: {
  path: string;
  facts: DeviceFacts;
  system: DeviceSystem;
  clock: Clock;
  deadlineMs: number;
}): Promise<void> {
  const { path, facts, system, clock, deadlineMs } = parts;
  for (const pauseMs of [...PROBE_PAUSES_MS, undefined]) {
    try {
      return system.close(system.open(facts.file, { writable: false, exclusive: true }));
    } catch (error) {
      if (!isBusy(error)) throw deviceError(path, 'open', error);
      if (pauseMs === undefined || clock.monotonicMs() + pauseMs > deadlineMs) {
        const message = `${path}: another program holds the device exclusively`;
        throw new LunError('refused-for-safety', path, message, { cause: error });
      }
      await delay(clock, pauseMs);
    }
  }
}

function openAsAllowed(
  system: DeviceSystem,
  path: string,
  facts: DeviceFacts,
  { held = false, onlyReads = false }: Pick<BlockDeviceParts, 'held' | 'onlyReads'>,
): { fd: number; writable: boolean } {
  for (const writable of onlyReads ? [false] : [true, false]) {
    try {
      const fd = system.open(facts.file, { writable, exclusive: held });
      refuseExchanged(system, path, facts, fd);
      return { fd, writable };
    } catch (error) {
      const failure = deviceError(path, 'open', error);
      if (!writable || failure.kind !== 'write-protected') throw failure;
    }
  }
  throw new LunError('no-path', path, `${path}: cannot be opened`);
}

/** A name can pass to another device between the look at its facts and the open. */
function refuseExchanged(system: DeviceSystem, path: string, facts: DeviceFacts, fd: number): void {
  const number = deviceNumber(system.deviceOf(fd));
  if (number === facts.number) return;
  system.close(fd);
  const message = `${path}: became device ${number} while it was opened, it was ${facts.number}`;
  throw new LunError('no-path', path, message);
}

/** Undefined where the device has gone. */
function sizeNow(system: DeviceSystem, path: string, facts: DeviceFacts): number | undefined {
  try {
    return capacityOf(system, path, facts).blockCount;
  } catch {
    return undefined;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'EBUSY';
}

interface OpenParts {
  readonly path: string;
  readonly facts: DeviceFacts;
  readonly system: DeviceSystem;
  readonly clock: Clock;
  readonly fd: number;
  readonly writable: boolean;
  /** When it was opened. */
  readonly fingerprint: DeviceFingerprint;
  readonly timeoutMs: number;
  readonly capacity: LunCapacity;
  readonly identify: () => LunIdentity;
}

/** One call of the LUN's user; late once it has been told that time is up, after which nothing new begins. */
interface Call {
  readonly what: string;
  readonly writing: boolean;
  readonly options: IoOptions;
  late: boolean;
}

/** Moves one aligned piece between the device and the caller's data; returns the bytes that the kernel has moved. */
type Move = (buffer: Uint8Array, offset: number, position: number) => Promise<number>;

class BlockDevice implements Lun {
  readonly path: string;
  private readonly parts: OpenParts;
  private readonly buffers: AlignedBuffers = createAlignedBuffers(BUFFER_COUNT, BUFFER_BYTES);
  private known: LunCapacity;
  private requests = 0;
  private closed = false;
  private descriptorClosed = false;

  constructor(parts: OpenParts) {
    this.path = parts.path;
    this.parts = parts;
    this.known = parts.capacity;
  }

  async identify(): Promise<LunIdentity> {
    this.checkOpen();
    return this.parts.identify();
  }

  async capacity(): Promise<LunCapacity> {
    this.checkOpen();
    this.known = capacityOf(this.parts.system, this.path, this.parts.facts);
    return this.known;
  }

  async read(lba: number, blockCount: number, options: IoOptions = {}): Promise<Uint8Array> {
    this.checkOpen();
    checkExtent(this.path, this.known, lba, blockCount);
    const data = new Uint8Array(blockCount * this.known.blockSize);
    const what = `READ of ${blockCount} blocks at block ${lba}`;
    const move: Move = async (buffer, offset, position) => {
      const count = await this.parts.system.read(this.parts.fd, buffer, position);
      data.set(buffer, offset);
      return count;
    };
    await this.inTime({ what, writing: false, options }, (call) => this.transfer(call, lba, blockCount, move));
    return data;
  }

  async write(lba: number, data: Uint8Array, options: WriteOptions = {}): Promise<void> {
    this.checkOpen();
    const blockCount = checkWholeBlocks(this.path, this.known, data);
    checkExtent(this.path, this.known, lba, blockCount);
    if (!this.parts.writable) throw new LunError('write-protected', this.path, `${this.path}: the device is read-only`);
    const what = `WRITE of ${blockCount} blocks at block ${lba}`;
    if (options.onlyAsLastRead === true) this.checkUnchanged(what);
    const move: Move = (buffer, offset, position) => {
      buffer.set(data.subarray(offset, offset + buffer.length));
      return this.parts.system.write(this.parts.fd, buffer, position);
    };
    await this.inTime({ what, writing: true, options }, async (call) => {
      await this.transfer(call, lba, blockCount, move);
      if (options.forceUnitAccess === true) await this.synchronize(call);
    });
  }

  async flush(options: IoOptions = {}): Promise<void> {
    this.checkOpen();
    await this.inTime({ what: 'flush', writing: false, options }, (call) => this.synchronize(call));
  }

  async close(): Promise<void> {
    this.closed = true;
    this.closeWhenIdle();
  }

  /** Moves the blocks piece by piece through aligned buffers. */
  private async transfer(call: Call, lba: number, blockCount: number, move: Move): Promise<void> {
    const { blockSize } = this.known;
    const watch = watchPieces();
    const piece = async (from: number, count: number): Promise<void> => {
      const whole = await this.buffers.take();
      try {
        const buffer = whole.subarray(0, count * blockSize);
        const moved = await this.request(call, () => move(buffer, from * blockSize, (lba + from) * blockSize));
        if (moved !== buffer.length) throw new Error(`${moved} of ${buffer.length} bytes`);
      } catch (error) {
        throw this.shrunk(call, lba + from + count) ?? deviceError(this.path, call.what, error, call.writing);
      } finally {
        this.buffers.giveBack(whole);
      }
    };
    const watched = (from: number, count: number): Promise<void> => watch.piece(() => piece(from, count));
    try {
      await runSplit(blockCount, this.buffers.byteLength / blockSize, call.writing ? watched : piece);
    } catch (error) {
      throw watch.failure(error);
    }
  }

  private async synchronize(call: Call): Promise<void> {
    try {
      await this.request(call, () => this.parts.system.fdatasync(this.parts.fd));
    } catch (error) {
      throw deviceError(this.path, call.what, error, call.writing);
    }
  }

  /** The descriptor stays open while the kernel works on it: its number could be given to another file. */
  private async request<T>(call: Call, run: () => Promise<T>): Promise<T> {
    if (call.late) throw new Error('out of time');
    this.checkOpen();
    this.requests += 1;
    try {
      return await run();
    } finally {
      this.requests -= 1;
      if (this.closed) this.closeWhenIdle();
    }
  }

  private closeWhenIdle(): void {
    if (this.requests > 0 || this.descriptorClosed) return;
    this.descriptorClosed = true;
    this.parts.system.close(this.parts.fd);
  }

  private inTime(asked: Omit<Call, 'late'>, run: (call: Call) => Promise<void>): Promise<void> {
    const { clock } = this.parts;
    const call: Call = { ...asked, late: false };
    const timeoutMs = asked.options.timeoutMs ?? this.parts.timeoutMs;
    return within(clock, clock.monotonicMs() + timeoutMs, run(call), () => {
      call.late = true;
      const outcome = call.writing ? 'unknown' : 'not-done';
      const message = `${this.path}: ${call.what}: no answer in ${Math.round(timeoutMs)} ms`;
      return new LunError('timeout', this.path, message, { outcome });
    });
  }

  /** What was read stood on this device: it must be the one that the path means now. */
  private checkUnchanged(what: string): void {
    const { system, facts, fingerprint } = this.parts;
    const difference = differenceOf(fingerprint, fingerprintOf(system, this.path, facts));
    if (difference === undefined) return;
    throw new LunError('no-path', this.path, `${this.path}: ${what}: not sent: ${difference}`);
  }

  /** The kernel has several words for a transfer beyond the end, none of them clear. */
  private shrunk(call: Call, end: number): LunError | undefined {
    const { system, facts } = this.parts;
    const blockCount = sizeNow(system, this.path, facts);
    if (blockCount === undefined || end <= blockCount) return undefined;
    const outcome = call.writing ? 'unknown' : 'not-done';
    const message = `${this.path}: ${call.what}: the device has become smaller, it has ${blockCount} blocks now`;
    return new LunError('io-error', this.path, message, { outcome });
  }

  private checkOpen(): void {
    if (this.closed) throw new LunError('no-path', this.path, `${this.path}: closed`);
  }
}
