import { LunError, type Lun, type LunIdentity, type LunOpener } from '../lun/lun.ts';
import type { VolumeDescription } from './description.ts';
import { unitSerial } from './remote-interface.ts';
import type { ArrayState, BackingRecord } from './store/array-state.ts';

/** Opens the LUNs behind volumes: the right one, large enough, used once. */
export interface BackingOpener {
  /**
   * Rejects with `LunError` `refused-for-safety` where it is not what was recorded for the volume; what is met first is
   * recorded, durably, before anything is written to it.
   */
  open(volume: VolumeDescription): Promise<Lun>;
  /** Looks at what would be behind a volume to come; nothing is recorded. */
  probe(
    volume: Omit<VolumeDescription, 'blockCount'>,
  ): Promise<{ readonly identity: string; readonly blockCount: number }>;
}

const OPEN_TIMEOUT_MS = 5000;

export function createBackingOpener(parts: {
  readonly arraySerial: string;
  /** Absent where the array was not given the means to have volumes behind LUNs. */
  readonly opener: LunOpener | undefined;
  readonly state: () => ArrayState;
  readonly record: (record: BackingRecord) => Promise<void>;
}): BackingOpener {
  const recorded = (lun: number): string | undefined =>
    parts.state().backings?.find((record) => record.lun === lun)?.identity;

  function checkIdentity(path: string, lun: number, identity: string): void {
    const before = recorded(lun);
    if (before !== undefined && before !== identity) {
      refuse(path, `it is ${identity}, and not ${before}, which held the volume before`);
    }
    const other = parts.state().backings?.find((record) => record.lun !== lun && record.identity === identity);
    if (other) refuse(path, `it is the backing of LUN ${other.lun} already`);
  }

  async function examine(lun: Lun, volume: Omit<VolumeDescription, 'blockCount'>) {
    const { path } = lun;
    const identity = identityOf(path, await lun.identify({ timeoutMs: OPEN_TIMEOUT_MS }), parts.arraySerial);
    checkIdentity(path, volume.lun, identity);
    const found = await lun.capacity({ timeoutMs: OPEN_TIMEOUT_MS });
    if (volume.blockSize % found.blockSize !== 0) {
      refuse(
        path,
        `it has blocks of ${found.blockSize} bytes, which do not fit into the volume's of ${volume.blockSize}`,
      );
    }
    return { identity, blockCount: Math.floor((found.blockCount * found.blockSize) / volume.blockSize) };
  }

  async function openAnd<T>(path: string, use: (lun: Lun) => Promise<T>): Promise<T> {
    if (!parts.opener) throw new LunError('bad-argument', path, `${path}: this array cannot open backings`);
    const lun = await parts.opener.open(path, { timeoutMs: OPEN_TIMEOUT_MS });
    try {
      return await use(lun);
    } catch (error) {
      await lun.close().catch(() => undefined);
      throw error;
    }
  }

  return {
    open: (volume) =>
      openAnd(volume.backing!, async (lun) => {
        const { identity, blockCount } = await examine(lun, volume);
        if (blockCount < volume.blockCount) {
          refuse(lun.path, `it has ${blockCount} blocks of ${volume.blockSize} bytes, the volume ${volume.blockCount}`);
        }
        if (recorded(volume.lun) === undefined) await parts.record({ lun: volume.lun, identity });
        return lun;
      }),
    probe: (volume) =>
      openAnd(volume.backing!, async (lun) => {
        const seen = await examine(lun, volume);
        await lun.close();
        return seen;
      }),
  };
}

function identityOf(path: string, identity: LunIdentity, arraySerial: string): string {
  const { vendor, product, serial, worldWideName } = identity;
  if (serial === unitSerial(arraySerial, Number.parseInt(serial.slice(-4), 16))) {
    refuse(path, 'it is a LUN of this array itself');
  }
  if (worldWideName !== '') return worldWideName;
  if (serial !== '') return [vendor, product, serial].filter((part) => part !== '').join(' ');
  return refuse(path, 'it does not say who it is (no VPD page 83h or 80h), so that another could be taken for it');
}

function refuse(path: string, why: string): never {
  throw new LunError('refused-for-safety', path, `${path}: ${why}`);
}
