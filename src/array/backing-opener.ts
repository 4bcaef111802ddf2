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
  const recorded = (lun: number): BackingRecord | undefined =>
    parts.state().backings?.find((record) => record.lun === lun);

  function checkIdentity(path: string, lun: number, found: Who): void {
    const before = recorded(lun);
    if (before && !isSame(before, found)) {
      refuse(path, `it is ${textOfWho(found)}, and not ${textOfWho(before)}, which held the volume before`);
    }
    const other = parts.state().backings?.find((record) => record.lun !== lun && isSame(record, found));
    if (other) {
      const hint = 'if it is another LUN, give it a unit serial number or a name of its own at its target';
      refuse(path, `it is ${textOfWho(found)}, the backing of LUN ${other.lun} already; ${hint}`);
    }
  }

  /** What is met first, and the serial number where an earlier version has not recorded it. */
  async function record(lun: number, found: Who): Promise<void> {
    const before = recorded(lun);
    if (!before || before.serial !== found.serial) await parts.record({ lun, ...found });
  }

  async function examine(lun: Lun, volume: Omit<VolumeDescription, 'blockCount'>) {
    const { path } = lun;
    const who = whoIs(path, await lun.identify({ timeoutMs: OPEN_TIMEOUT_MS }), parts.arraySerial);
    checkIdentity(path, volume.lun, who);
    const found = await lun.capacity({ timeoutMs: OPEN_TIMEOUT_MS });
    if (volume.blockSize % found.blockSize !== 0) {
      refuse(
        path,
        `it has blocks of ${found.blockSize} bytes, which do not fit into the volume's of ${volume.blockSize}`,
      );
    }
    return { who, blockCount: Math.floor((found.blockCount * found.blockSize) / volume.blockSize) };
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
        const { who, blockCount } = await examine(lun, volume);
        if (blockCount < volume.blockCount) {
          refuse(lun.path, `it has ${blockCount} blocks of ${volume.blockSize} bytes, the volume ${volume.blockCount}`);
        }
        await record(volume.lun, who);
        return lun;
      }),
    probe: (volume) =>
      openAnd(volume.backing!, async (lun) => {
        const { who, blockCount } = await examine(lun, volume);
        await lun.close();
        return { identity: textOfWho(who), blockCount };
      }),
  };
}

type Who = Omit<BackingRecord, 'lun'>;

export function withRecord(records: readonly BackingRecord[] | undefined, record: BackingRecord): BackingRecord[] {
  return [...(records ?? []).filter(({ lun }) => lun !== record.lun), record];
}

/** A record without a serial number was made before it was recorded. */
function isSame(record: Who, found: Who): boolean {
  return record.identity === found.identity && (record.serial === undefined || record.serial === found.serial);
}

/** "3000000100000001, serial beaf11". */
export function textOfWho({ identity, serial }: Who): string {
  return serial === undefined ? identity : `${identity}, serial ${serial}`;
}

/**
 * NAA 2h, 5h and 6h contain a number that IEEE has given to the vendor, and are alike on no two LUNs; of other designators
 * nobody makes sure. tgtd makes its NAA 3h (locally assigned) of the numbers of target and LUN alone.
 */
const WORLD_WIDE = /^(?:[25][0-9a-f]{15}|6[0-9a-f]{31})(?: partition .*)?$/;

function whoIs(path: string, identity: LunIdentity, arraySerial: string): Who {
  const { vendor, product, serial, worldWideName } = identity;
  if (serial === unitSerial(arraySerial, Number.parseInt(serial.slice(-4), 16))) {
    refuse(path, 'it is a LUN of this array itself');
  }
  if (WORLD_WIDE.test(worldWideName) || (worldWideName !== '' && serial === '')) return { identity: worldWideName };
  if (worldWideName !== '') return { identity: worldWideName, serial };
  if (serial !== '') return { identity: [vendor, product, serial].filter((part) => part !== '').join(' ') };
  return refuse(path, 'it does not say who it is (no VPD page 83h or 80h), so that another could be taken for it');
}

function refuse(path: string, why: string): never {
  throw new LunError('refused-for-safety', path, `${path}: ${why}`);
}
