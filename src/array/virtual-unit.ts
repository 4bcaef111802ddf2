import { LunError, type Lun, type LunCapacity } from '../lun/lun.ts';
import { checkCondition, taskAborted, type ScsiFault } from '../scsi/fault.ts';
import { SENSE_KEY } from '../scsi/sense.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { faultOfRemote } from './remote-fault.ts';

/** A virtual volume (Fig. 3, 4): every READ and WRITE goes, as one, to a LUN of another array. */

export interface VirtualUnitParts {
  readonly lun: number;
  readonly name: string;
  /** Unit serial number of this LUN here, not of the far one. */
  readonly serial: string;
  readonly worldWideName: Uint8Array;
  /** Opens the far LUN, its identity checked. Rejects with `LunError`. */
  readonly resolve: () => Promise<Lun>;
  /** Gives up what `resolve` gave, because its path has failed. */
  readonly forget?: () => void;
  /** Milliseconds that one command to the far array may take. */
  readonly timeoutMs?: number;
  /** Capacity as of an earlier life of the array, so that hosts see it while the far array is away. */
  readonly lastCapacity?: LunCapacity;
  /** The far LUN's capacity became known or changed. */
  readonly onCapacity?: (capacity: LunCapacity) => void;
}

export interface VirtualUnit extends LogicalUnit {
  readonly kind: 'virtual';
  /** Reaches for the far LUN; rejects with the `ScsiFault` that a host would be answered. */
  prepare(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** Well above what hosts keep in flight. A ring of LUN maps reaches it at once and then ends, instead of filling the arrays. */
const IN_FLIGHT_LIMIT = 1024;
const UNKNOWN_CAPACITY: LunCapacity = { blockSize: 512, blockCount: 0 };

type Operation = 'read' | 'write' | 'flush';

/**
 * Not ready until the far LUN has been reached, and again after its path is lost, so that a host's path checker sees the
 * truth; the next command reaches for it anew.
 */
export function createVirtualUnit(parts: VirtualUnitParts): VirtualUnit {
  const timeoutMs = parts.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let capacity = parts.lastCapacity ?? UNKNOWN_CAPACITY;
  let opening: Promise<Lun> | undefined;
  let connected: Lun | undefined;
  /** The oldest connection over which writes were acknowledged that no flush has covered yet. */
  let unflushed: Lun | undefined;
  let volatileWrites = 0;
  let inFlight = 0;

  function connect(): Promise<Lun> {
    if (connected) return Promise.resolve(connected);
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  async function open(): Promise<Lun> {
    const lun = await parts.resolve();
    const found = await lun.capacity({ timeoutMs }).catch((error: unknown) => {
      parts.forget?.();
      throw error;
    });
    adopt(found, lun.path);
    connected = lun;
    return lun;
  }

  function adopt(found: LunCapacity, path: string): void {
    const known = capacity.blockCount > 0;
    if (known && found.blockSize !== capacity.blockSize) {
      const message = `${path} has blocks of ${found.blockSize} bytes, ${capacity.blockSize} before`;
      throw new LunError('refused-for-safety', path, message);
    }
    if (known && found.blockCount === capacity.blockCount) return;
    capacity = found;
    parts.onCapacity?.(found);
  }

  /** Another command may have noticed before, and a new connection be there already. */
  function lost(lun: Lun): void {
    if (connected !== lun) return;
    connected = undefined;
    parts.forget?.();
  }

  async function attempt<T>(call: (lun: Lun) => Promise<T>): Promise<T> {
    const lun = await connect();
    try {
      return await call(lun);
    } catch (error) {
      if (isPathLoss(error)) lost(lun);
      throw error;
    }
  }

  /** A path that was lost between two commands costs the host nothing: what cannot have been done is tried once more. */
  async function through<T>(operation: Operation, call: (lun: Lun) => Promise<T>): Promise<T> {
    const wasConnected = connected !== undefined;
    if (inFlight >= IN_FLIGHT_LIMIT) throw tooMany(parts.name);
    inFlight += 1;
    try {
      return await attempt(call).catch((error: unknown) => {
        if (wasConnected && isPathLoss(error) && mayRepeat(operation, error)) return attempt(call);
        throw error;
      });
    } catch (error) {
      throw faultOfRemote(error, operation);
    } finally {
      inFlight -= 1;
    }
  }

  return {
    lun: parts.lun,
    kind: 'virtual',
    name: parts.name,
    serial: parts.serial,
    worldWideName: parts.worldWideName,
    get blockSize() {
      return capacity.blockSize;
    },
    get blockCount() {
      return capacity.blockCount;
    },
    access: () => (connected ? 'read-write' : 'none'),
    async prepare() {
      await connect().catch((error: unknown) => {
        throw faultOfRemote(error, 'open');
      });
    },
    read: (lba, blockCount) => through('read', (lun) => lun.read(lba, blockCount, { timeoutMs })),
    async write(lba, data, { forceUnitAccess, isAborted }) {
      const lun = await through('write', async (far) => {
        // Reaching the far array, or the try before this one, may have taken longer than the host waited.
        if (isAborted?.()) throw taskAborted();
        await far.write(lba, data, { forceUnitAccess, timeoutMs });
        return far;
      });
      if (forceUnitAccess) return;
      volatileWrites++;
      unflushed ??= lun;
    },
    async flush() {
      const before = unflushed;
      const writesBefore = volatileWrites;
      const lun = await through('flush', async (far) => {
        await far.flush({ timeoutMs });
        return far;
      });
      unflushed = volatileWrites === writesBefore ? undefined : lun;
      if (before && before !== lun) throw lostWrites();
    },
  };
}

function tooMany(name: string): ScsiFault {
  const message = `${IN_FLIGHT_LIMIT} commands are on their way through ${name}: it may be mapped onto itself`;
  return checkCondition(SENSE_KEY.hardwareError, 0x44, 0x00, message);
}

function isPathLoss(error: unknown): error is LunError {
  return error instanceof LunError && error.kind === 'no-path';
}

function mayRepeat(operation: Operation, error: LunError): boolean {
  return operation !== 'write' || error.outcome === 'not-done';
}

/**
 * The path was lost between acknowledged writes and this flush: the far array may have lost power in between, and GOOD
 * would promise what nobody knows. Said once, with a sense that no initiator retries.
 */
function lostWrites(): unknown {
  const message = 'flush: the path was lost after writes that no flush had covered';
  return checkCondition(SENSE_KEY.hardwareError, 0x08, 0x00, message);
}
