import { isPathLoss, LunError, type Lun, type LunCapacity } from '../lun/lun.ts';
import { checkCondition, SCSI_STATUS, ScsiFault, taskAborted } from '../scsi/fault.ts';
import { SENSE_KEY } from '../scsi/sense.ts';
import { greetFarUnit } from './far/attentions.ts';
import { giveBack } from './far/give-back.ts';
import { readFarFacts, type FarFacts } from './far/far-facts.ts';
import { FarLine } from './far/far-line.ts';
import type { FarUnit } from './far/far-unit.ts';
import { mayRepeat, sendPassed, type FarOperation, type Flushed } from './far/pass.ts';
import { UnflushedWrites } from './far/unflushed-writes.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { faultOfRemote } from './remote-fault.ts';

/**
 * A virtual volume (Fig. 3, 4) stands for a LUN of another array. A host's commands go there as they are, each as one, by a session of
 * the host's own (`remote-interface.ts`), and come back with the far LUN's own answer: what only the far array can promise, since its
 * own hosts reach the same blocks, it promises through this volume too.
 */
export interface VirtualUnitParts {
  readonly lun: number;
  readonly name: string;
  /** Unit serial number of this LUN here, not of the far one. */
  readonly serial: string;
  readonly worldWideName: Uint8Array;
  /** Opens the far LUN for the array itself, its identity checked. Rejects with `LunError`. */
  readonly resolve: () => Promise<Lun>;
  /** Gives up what `resolve` gave, because its path has failed. */
  readonly forget?: () => void;
  /** Opens the far LUN for one host, its identity checked, in a session that is the host's own. */
  readonly resolveFor: (nexus: string) => Promise<Lun>;
  /** The host is gone: what `resolveFor` gave for it is closed, and a new one of that name waits until then. */
  readonly hostLost?: (nexus: string) => void;
  /** What keeps a host from the far LUN, such as a ring of LUN maps; said once. */
  readonly onNoWay?: (why: string) => void;
  /** Milliseconds that one READ, WRITE or flush at the far array may take. */
  readonly timeoutMs?: number;
  /** Capacity as of an earlier life of the array, so that hosts see it while the far array is away. */
  readonly lastCapacity?: LunCapacity;
  /** The far LUN's capacity became known or changed. */
  readonly onCapacity?: (capacity: LunCapacity) => void;
}

export interface VirtualUnit extends LogicalUnit {
  readonly kind: 'virtual';
  readonly far: FarUnit;
  /** Reaches for the far LUN; rejects with the `ScsiFault` that a host would be answered. */
  prepare(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** Many hosts together may have more where the far array is slow: they are told to come again, and the memory stays bounded. */
const IN_FLIGHT_LIMIT = 1024;
const UNKNOWN_CAPACITY: LunCapacity = { blockSize: 512, blockCount: 0 };

/**
 * Not ready until the far LUN has been reached, and again after its path is lost, so that a host's path checker sees the
 * truth; the next command reaches for it anew.
 */
export function createVirtualUnit(parts: VirtualUnitParts): VirtualUnit {
  const timeoutMs = parts.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let capacity = parts.lastCapacity ?? UNKNOWN_CAPACITY;
  let facts: FarFacts | undefined;
  let inFlight = 0;
  const unflushed = new UnflushedWrites();
  const writers = new WeakMap<Lun, FarLine>();
  const own = new FarLine({ open: parts.resolve, greet: learnFrom, close: () => parts.forget?.() });
  const hosts = new Map<string, FarLine>();
  /** Hosts that are gone and whose reservations the far LUN still has. */
  const givingBack = new Set<Promise<void>>();
  let closed = false;
  /** Of what keeps hosts out the kinds that were said: hosts may ask without end. */
  const told = new Set<number | undefined>();

  function lineOf(nexus: string): FarLine {
    const known = hosts.get(nexus);
    if (known) return known;
    const line = new FarLine({ open: () => openFor(nexus), greet, close: (lun) => lun.close() });
    hosts.set(nexus, line);
    return line;
  }

  function tell({ sense, message }: ScsiFault): void {
    if (told.has(sense?.asc)) return;
    told.add(sense?.asc);
    parts.onNoWay?.(message);
  }

  async function openFor(nexus: string): Promise<Lun> {
    if (closed) throw new LunError('no-path', parts.name, `${parts.name} has been taken out of the LUN map`);
    return parts.resolveFor(nexus).catch((error: unknown) => {
      if (error instanceof ScsiFault) tell(error);
      throw error;
    });
  }

  async function greet(lun: Lun, line: FarLine): Promise<void> {
    await greetFarUnit(lun, line, timeoutMs);
    await learnFrom(lun, line);
  }

  async function learnFrom(lun: Lun, line: FarLine): Promise<void> {
    const found = await line.ask(() => readFarFacts(lun, { timeoutMs }));
    adopt(found.capacity, lun.path);
    facts = found;
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

  async function attempt<T>(line: FarLine, call: (lun: Lun) => Promise<T>): Promise<T> {
    const lun = await line.connect();
    try {
      return await call(lun);
    } catch (error) {
      if (isPathLoss(error)) lost(line, lun);
      throw error;
    }
  }

  /** Where one way is lost, the array's own may be too: it shows whether the unit is ready. */
  function lost(line: FarLine, lun: Lun): void {
    line.lost(lun);
    if (own.connected && line !== own) own.lost(own.connected);
  }

  /** A path that was lost between two commands costs the host nothing: what cannot have been done is tried once more. */
  async function through<T>(line: FarLine, operation: FarOperation, call: (lun: Lun) => Promise<T>): Promise<T> {
    const wasConnected = line.connected !== undefined;
    if (inFlight >= IN_FLIGHT_LIMIT) throw tooMany(parts.name);
    inFlight += 1;
    try {
      // Who has gone here is gone for who comes next: its reservation must not meet a command that began after its logout.
      if (givingBack.size > 0) await Promise.all(givingBack);
      return await attempt(line, call).catch((error: unknown) => {
        if (wasConnected && isPathLoss(error) && mayRepeat(operation, error)) return attempt(line, call);
        throw error;
      });
    } catch (error) {
      throw faultOfRemote(error, operation);
    } finally {
      inFlight -= 1;
    }
  }

  function wrote(line: FarLine, lun: Lun): void {
    writers.set(lun, line);
    unflushed.wrote(lun);
  }

  /** The far array has not lost its cache since it answered over this connection, if it answers over it now. */
  async function lasts(lun: Lun): Promise<boolean> {
    if (![own, ...hosts.values()].some(({ connected }) => connected === lun)) return false;
    return lun.identify({ timeoutMs }).then(
      () => true,
      () => false,
    );
  }

  async function flushOver<T>(line: FarLine, flush: (lun: Lun) => Promise<Flushed<T>>): Promise<T> {
    const covered = unflushed.begin();
    const { lun, value, covers } = await through(line, 'flush', async (way) => ({ lun: way, ...(await flush(way)) }));
    if (covers === 'nothing') return value;
    const sure = await covered(lun, covers === 'all', async (other) => {
      const lasting = await lasts(other);
      const writer = writers.get(other);
      if (!lasting && writer && writer !== line) writer.lostWrites = true;
      return lasting;
    });
    if (sure && !line.lostWrites) return value;
    line.lostWrites = false;
    throw lostWrites();
  }

  function end(nexus: string): void {
    const line = hosts.get(nexus);
    hosts.delete(nexus);
    if (!line) return;
    const ended = line.end(async (lun) => {
      await flushLast(line, lun).catch(() => undefined);
      // Other LUNs may keep the session of the host there.
      if (line.holdsState) await giveBack(lun, line, timeoutMs);
    });
    if (!line.holdsState) return;
    const given = ended.catch(() => undefined).finally(() => givingBack.delete(given));
    givingBack.add(given);
  }

  /** While the connection still proves that the far cache was not lost. */
  async function flushLast(line: FarLine, lun: Lun): Promise<void> {
    if (!unflushed.has(lun)) return;
    await line.ask(() => lun.flush({ timeoutMs }));
    unflushed.forget(lun);
  }

  const far: FarUnit = {
    facts: () => facts,
    async learn() {
      if (!facts) await own.connect().catch(() => undefined);
    },
    pass: (passed) => {
      const line = lineOf(passed.task.nexus);
      return sendPassed(passed, line, {
        timeoutMs,
        through: (operation, call) => through(line, operation, call),
        flush: (flush) => flushOver(line, flush),
        wrote: (lun) => wrote(line, lun),
        learnAnew: (lun) => learnFrom(lun, line).catch(() => undefined),
      });
    },
    as: (nexus) => viewOf(lineOf(nexus)),
    reset: (nexus) =>
      through(lineOf(nexus), 'write', async (lun) => {
        if (!lun.passThrough) throw new LunError('bad-argument', lun.path, `${lun.path} cannot be reset`);
        await lun.passThrough.resetUnit({ timeoutMs });
      }),
    nexusLost(nexus) {
      parts.hostLost?.(nexus);
      end(nexus);
    },
    maskChanged(maySee) {
      for (const nexus of hosts.keys()) if (!maySee(nexus)) end(nexus);
    },
    close() {
      closed = true;
      for (const nexus of hosts.keys()) end(nexus);
    },
  };

  /** The unit by one way. */
  function viewOf(line: FarLine): VirtualUnit {
    return {
      lun: parts.lun,
      kind: 'virtual',
      name: parts.name,
      serial: parts.serial,
      worldWideName: parts.worldWideName,
      far,
      get blockSize() {
        return capacity.blockSize;
      },
      get blockCount() {
        return capacity.blockCount;
      },
      get removable() {
        return facts?.removable === true;
      },
      get physicalBlockSize() {
        return capacity.blockSize * 2 ** (facts?.long?.physicalExponent ?? 0);
      },
      access: () => ([own, ...hosts.values()].some(({ connected }) => connected) ? 'read-write' : 'none'),
      async prepare() {
        await line.connect().catch((error: unknown) => {
          throw faultOfRemote(error, 'open');
        });
      },
      read: (lba, blockCount) =>
        through(line, 'read', (lun) => line.ask(() => lun.read(lba, blockCount, { timeoutMs }))),
      async write(lba, data, { forceUnitAccess, isAborted }) {
        const lun = await through(line, 'write', async (way) => {
          // Reaching the far array, or the try before this one, may have taken longer than the host waited.
          if (isAborted?.()) throw taskAborted();
          await line.ask(() => way.write(lba, data, { forceUnitAccess, timeoutMs }));
          return way;
        });
        if (!forceUnitAccess) wrote(line, lun);
      },
      flush: () =>
        flushOver(line, async (lun) => {
          await line.ask(() => lun.flush({ timeoutMs }));
          return { value: undefined, covers: 'all' };
        }),
    };
  }

  return viewOf(own);
}

function tooMany(name: string): ScsiFault {
  const message = `${IN_FLIGHT_LIMIT} commands are on their way through ${name}`;
  return new ScsiFault(SCSI_STATUS.taskSetFull, message);
}

/**
 * The path was lost between acknowledged writes and this flush: the far array may have lost power in between, and GOOD
 * would promise what nobody knows. Said once, with a sense that no initiator retries.
 */
function lostWrites(): unknown {
  const message = 'flush: the path was lost after writes that no flush had covered';
  return checkCondition(SENSE_KEY.hardwareError, 0x08, 0x00, message);
}
