import { createHash } from 'node:crypto';
import type { Exclusive } from '../base/exclusive.ts';
import { checkCondition, taskAborted } from '../scsi/fault.ts';
import { SENSE_KEY } from '../scsi/sense.ts';
import type { AllocationRun, LogicalUnit } from './logical-unit.ts';
import type { GroupRuntime } from './group/group-runtime.ts';
import { PairDissolved } from './group/host-access.ts';
import { sanitizeFault, type Sanitizer } from './sanitize/sanitizer.ts';
import { unitSerial } from './remote-interface.ts';
import type { PairState } from './store/array-state.ts';
import { announceChange, storeAtomically, storeChange, writeOf, type VolumeChange } from './group/change.ts';
import { holeBeside, type ByteRange } from './store/unstored.ts';
import type { Volume } from './store/volume.ts';

/** NAA 6 (registered extended) name made of the array's serial and the LUN: stable, and different for every volume. */
export function worldWideNameOf(arraySerial: string, lun: number): Uint8Array {
  const name = new Uint8Array(16);
  name.set(createHash('sha256').update(`${arraySerial}/${lun}`).digest().subarray(0, 16));
  name[0] = 0x60 | (name[0]! & 0x0f);
  return name;
}

export interface PairedVolume {
  readonly runtime: GroupRuntime;
  readonly pair: PairState;
}

export interface VolumeUnitParts {
  readonly arraySerial: string;
  readonly volume: Volume;
  /** The pair that the volume is in at this moment. */
  readonly paired: () => PairedVolume | undefined;
  /** Undefined, or resolves when a pair formation under way on this volume has ended. */
  readonly hold: () => Promise<void> | undefined;
  /** Why the group that the volume is in is not at work; what came before that and waited must not pass it by. */
  readonly waits: () => string | undefined;
  /** Absent where the volume's backing cannot be erased. */
  readonly sanitizer?: Sanitizer;
  /** Forming pairs and beginning to sanitize, one at a time. */
  readonly exclusive: Exclusive;
}

/** A volume as hosts see it: alone, or through the group that its pair belongs to. */
export function createVolumeUnit(parts: VolumeUnitParts): LogicalUnit {
  const { volume } = parts;
  const { description } = volume;
  const { blockSize } = description;

  function requireUsable(): void {
    const sanitizing = parts.sanitizer?.status();
    if (sanitizing) throw sanitizeFault(sanitizing);
    const why = parts.waits();
    if (why !== undefined) throw notAtWork(why);
  }

  async function changeAlone(change: VolumeChange, isAborted?: () => boolean): Promise<boolean> {
    const wait = parts.hold() ?? (change.atomic ? undefined : announceChange(volume, change));
    if (wait) {
      await wait;
      return false;
    }
    if (change.atomic) {
      const isFree = () => !parts.hold() && !parts.paired() && !parts.sanitizer?.status();
      return storeAtomically(volume, change, () => isFree() && !isAborted?.());
    }
    const stored = storeChange(volume, change);
    if (stored) await stored;
    return true;
  }

  async function carryOut(change: VolumeChange, durable: boolean, isAborted?: () => boolean): Promise<void> {
    // A journal record of nothing could not be read back: it would hide every record behind it.
    for (; change.length > 0;) {
      if (isAborted?.()) throw taskAborted();
      requireUsable();
      const paired = parts.paired();
      if (paired) {
        if (await changePaired(paired, change, durable, isAborted)) return;
      } else if (await changeAlone(change, isAborted)) break;
    }
    if (durable) await volume.flush();
  }

  /** False where the pair was dissolved meanwhile. */
  async function changePaired(
    { runtime, pair }: PairedVolume,
    change: VolumeChange,
    durable: boolean,
    isAborted?: () => boolean,
  ): Promise<boolean> {
    try {
      await runtime.change(pair, volume, change, durable, isAborted);
      return true;
    } catch (error) {
      if (error instanceof PairDissolved) return false;
      throw error;
    }
  }

  return {
    lun: description.lun,
    kind: 'volume',
    name: description.name,
    serial: unitSerial(parts.arraySerial, description.lun),
    worldWideName: worldWideNameOf(parts.arraySerial, description.lun),
    blockSize,
    blockCount: description.blockCount,
    ...(description.removable ? { removable: true } : {}),
    ...(description.physicalBlockSize ? { physicalBlockSize: description.physicalBlockSize } : {}),
    ...(parts.sanitizer ? { sanitize: alone(parts.sanitizer, parts) } : {}),
    ...(volume.erasure?.replaceKey ? { encrypted: true } : {}),
    get atomicWriteBlocks() {
      return (volume.atomic?.byteLimit ?? 0) / blockSize;
    },
    get deallocationGranularity() {
      return Math.max(1, (volume.backing?.thin() ?? volume.chunkBytes) / blockSize);
    },
    access() {
      const paired = parts.paired();
      const access = paired ? paired.runtime.access(paired.pair) : 'read-write';
      return access === 'read-write' && description.readOnly ? 'read-only' : access;
    },
    async read(lba, count) {
      requireUsable();
      const paired = parts.paired();
      if (paired) return paired.runtime.read(volume, lba * blockSize, count * blockSize);
      return volume.read(lba * blockSize, count * blockSize);
    },
    write(lba, data, { atomic, forceUnitAccess, isAborted }) {
      const change = { ...writeOf(lba * blockSize, data), ...(atomic ? { atomic } : {}) };
      return carryOut(change, forceUnitAccess, isAborted);
    },
    deallocate: (lba, count, options) =>
      carryOut({ offset: lba * blockSize, length: count * blockSize }, false, options?.isAborted),
    allocation(lba, count) {
      return allocationRuns(volume, parts.paired()?.runtime.storing.unstored(volume) ?? [], lba, count);
    },
    givesBack: () => !volume.backing || volume.backing.thin() !== undefined,
    async flush() {
      const paired = parts.paired();
      await (paired ? paired.runtime.flush(volume) : volume.flush());
    },
  };
}

/** The data of a volume in a pair stand in a journal and on the other array too: they would be left. */
function alone(sanitizer: Sanitizer, { volume, paired, waits, exclusive }: VolumeUnitParts): Sanitizer {
  return {
    ...sanitizer,
    begin: (request) =>
      exclusive.run(async () => {
        const status = sanitizer.status();
        if (status?.state === 'running') throw sanitizeFault(status);
        if (paired()) throw inPair(volume.description.name);
        const why = waits();
        if (why !== undefined) throw notAtWork(why);
        await sanitizer.begin(request);
      }),
  };
}

/** LOGICAL UNIT NOT READY, MANUAL INTERVENTION REQUIRED. */
export function notAtWork(why: string): Error {
  return checkCondition(SENSE_KEY.notReady, 0x04, 0x03, why);
}

function inPair(name: string): Error {
  const message = `${name} is in a pair, whose journal and other volume hold its data too: delete the pair first`;
  return checkCondition(SENSE_KEY.illegalRequest, 0x2c, 0x00, message);
}

/** At most `RUN_LIMIT` runs from the start of the range; what is on its way to the volume counts as there. */
async function allocationRuns(
  volume: Volume,
  unstored: readonly ByteRange[],
  lba: number,
  count: number,
): Promise<AllocationRun[]> {
  const { blockSize } = volume.description;
  const runs: AllocationRun[] = [];
  for (let block = lba; block < lba + count;) {
    const offset = block * blockSize;
    const found = volume.holeAt(offset);
    const { hole, end } = holeBeside(unstored, offset, found instanceof Promise ? await found : found);
    const blockCount = Math.min(lba + count, end / blockSize) - block;
    const last = runs.at(-1);
    if (last?.mapped === !hole) runs[runs.length - 1] = { ...last, blockCount: last.blockCount + blockCount };
    else if (runs.length === RUN_LIMIT) break;
    else runs.push({ lba: block, blockCount, mapped: !hole });
    block += blockCount;
  }
  return runs;
}

const RUN_LIMIT = 256;
