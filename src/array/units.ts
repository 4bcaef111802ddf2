import { createHash } from 'node:crypto';
import type { LogicalUnit } from './logical-unit.ts';
import type { GroupRuntime } from './group/group-runtime.ts';
import { unitSerial } from './remote-interface.ts';
import type { PairState } from './store/array-state.ts';
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
}

/** A volume as hosts see it: alone, or through the group that its pair belongs to. */
export function createVolumeUnit(parts: VolumeUnitParts): LogicalUnit {
  const { volume } = parts;
  const { description } = volume;
  const { blockSize } = description;

  async function writeAlone(offset: number, data: Uint8Array): Promise<boolean> {
    const wait = parts.hold() ?? volume.announce(offset, data.length);
    if (wait) {
      await wait;
      return false;
    }
    volume.write(offset, data);
    return true;
  }

  return {
    lun: description.lun,
    kind: 'volume',
    name: description.name,
    serial: unitSerial(parts.arraySerial, description.lun),
    worldWideName: worldWideNameOf(parts.arraySerial, description.lun),
    blockSize,
    blockCount: description.blockCount,
    access() {
      const paired = parts.paired();
      return paired ? paired.runtime.access(paired.pair) : 'read-write';
    },
    async read(lba, count) {
      const paired = parts.paired();
      if (paired) return paired.runtime.read(volume, lba * blockSize, count * blockSize);
      return volume.read(lba * blockSize, count * blockSize);
    },
    async write(lba, data, options) {
      const offset = lba * blockSize;
      for (;;) {
        const paired = parts.paired();
        if (paired) return paired.runtime.write(paired.pair, volume, offset, data, options.forceUnitAccess);
        if (await writeAlone(offset, data)) break;
      }
      if (options.forceUnitAccess) await volume.flush();
    },
    async flush() {
      const paired = parts.paired();
      await (paired ? paired.runtime.flush(volume) : volume.flush());
    },
  };
}
