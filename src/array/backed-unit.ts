import { checkCondition } from '../scsi/fault.ts';
import { SENSE_KEY } from '../scsi/sense.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { faultOfRemote } from './remote-fault.ts';
import type { Volume } from './store/volume.ts';
import { notAtWork } from './units.ts';

/**
 * A volume's unit that hosts cannot use while its backing, or that of another volume of its group, is away. They are
 * answered as for a virtual volume whose far array does not answer (`remote-fault.ts`): NOT READY 02/08/00 while the
 * backing cannot be reached, 02/04/03 where something else is in its place, 02/04/01 while the volume is brought up to
 * date, and the backing's own sense where it refuses a single command.
 */
export function withObstacles(unit: LogicalUnit, volume: Volume, waits: () => string | undefined): LogicalUnit {
  const { backing } = volume;
  const access: LogicalUnit['access'] = () => {
    const usable = !backing || backing.condition().state === 'ready' || backing.condition().state === 'reconnecting';
    return usable && waits() === undefined ? unit.access() : 'none';
  };
  const prepare = async (): Promise<void> => {
    await backing?.reach();
    const state = backing?.condition().state;
    if (state === 'away') throw faultOfRemote(backing!.failure(), 'open');
    const why = waits();
    if (why !== undefined) throw notAtWork(why);
    if (state === 'behind') throw checkCondition(SENSE_KEY.notReady, 0x04, 0x01, `${unit.name} is brought up to date`);
  };
  if (!backing) return { ...unit, access, prepare };
  const told = (operation: 'read' | 'write' | 'flush') => (error: unknown) => {
    throw faultOfRemote(error, operation);
  };
  return {
    ...unit,
    access,
    prepare,
    read: (lba, blockCount, nexus) => unit.read(lba, blockCount, nexus).catch(told('read')),
    write: (lba, data, options) => unit.write(lba, data, options).catch(told('write')),
    deallocate: (lba, blockCount, options) => unit.deallocate!(lba, blockCount, options).catch(told('write')),
    allocation: async (lba, blockCount) => {
      try {
        return await unit.allocation!(lba, blockCount);
      } catch (error) {
        throw faultOfRemote(error, 'read');
      }
    },
    get atomicWriteBlocks() {
      return unit.atomicWriteBlocks!;
    },
    get deallocationGranularity() {
      return unit.deallocationGranularity!;
    },
    flush: () => unit.flush().catch(told('flush')),
  };
}
