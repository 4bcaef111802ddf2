import type { LogicalUnit } from '../../src/array/logical-unit.ts';
import { LunError, type Lun } from '../../src/lun/lun.ts';
import { SCSI_STATUS, ScsiFault } from '../../src/scsi/fault.ts';

/** What a test lets happen around one READ or WRITE. Throwing a `LunError` before: lost on the way; after: answer lost. */
export interface LunFaults {
  beforeRead?(lba: number, blockCount: number): Promise<void> | void;
  afterRead?(data: Uint8Array): Promise<Uint8Array> | Uint8Array;
  beforeWrite?(lba: number, data: Uint8Array): Promise<Uint8Array | void> | Uint8Array | void;
  afterWrite?(lba: number): Promise<void> | void;
}

/** A host's path to a logical unit without any transport between; `unit()` changes where the array restarts. */
export function createUnitLun(path: string, unit: () => LogicalUnit, faults: LunFaults = {}): Lun {
  let open = true;
  const checkOpen = (): void => {
    if (!open) throw new LunError('no-path', path, `${path}: closed`);
  };
  return {
    path,
    identify: async () => ({
      vendor: 'CDCTL',
      product: 'UNIT',
      revision: '1',
      serial: unit().serial,
      worldWideName: '',
    }),
    capacity: async () => ({ blockSize: unit().blockSize, blockCount: unit().blockCount }),
    async read(lba, blockCount) {
      checkOpen();
      await faults.beforeRead?.(lba, blockCount);
      const data = await asHost(path, () => unit().read(lba, blockCount));
      return (await faults.afterRead?.(data)) ?? data;
    },
    async write(lba, data) {
      checkOpen();
      const sent = (await faults.beforeWrite?.(lba, data)) ?? data;
      await asHost(path, () => unit().write(lba, sent, { forceUnitAccess: false }));
      await faults.afterWrite?.(lba);
    },
    flush: async () => checkOpen(),
    async close() {
      open = false;
    },
  };
}

async function asHost<T>(path: string, io: () => Promise<T>): Promise<T> {
  try {
    return await io();
  } catch (error) {
    if (!(error instanceof ScsiFault)) throw error;
    if (error.status === SCSI_STATUS.reservationConflict)
      throw new LunError('reservation-conflict', path, error.message);
    if (error.status === SCSI_STATUS.busy) throw new LunError('busy', path, error.message);
    throw new LunError('check-condition', path, error.message, error.sense ? { sense: error.sense } : {});
  }
}
