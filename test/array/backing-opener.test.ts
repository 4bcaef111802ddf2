import { describe, expect, it } from 'vitest';
import { createBackingOpener, withRecord } from '../../src/array/backing-opener.ts';
import type { ArrayState, BackingRecord } from '../../src/array/store/array-state.ts';
import { LunError, type LunIdentity } from '../../src/lun/lun.ts';
import { createMemoryLun } from '../../src/lun/memory-lun.ts';

/** Of tgtd: NAA 3h, made of the numbers of target and LUN. */
const LOCAL = '3000000100000001';
const REGISTERED = '600508b1001c5e1f0000000000000001';

/** What the array has recorded, and who answers at the path. */
function stand(recorded: readonly BackingRecord[], answers: Partial<LunIdentity>) {
  let state = { volumes: [], groups: [], backings: recorded } as unknown as ArrayState;
  const records: BackingRecord[] = [];
  const opener = createBackingOpener({
    arraySerial: 'TK000001',
    opener: {
      open: async (path) => createMemoryLun({ path, capacity: { blockSize: 512, blockCount: 64 }, identity: answers }),
    },
    state: () => state,
    record: async (record) => {
      records.push(record);
      state = { ...state, backings: withRecord(state.backings, record) };
    },
  });
  const open = async (lun = 10): Promise<string> => {
    const volume = {
      lun,
      name: 'data',
      kind: 'volume',
      blockSize: 512,
      blockCount: 64,
      backing: 'iscsi://a/b/1',
    } as const;
    return opener.open(volume).then(
      () => 'opened',
      (error: unknown) => {
        if (!(error instanceof LunError)) throw error;
        return `${error.kind}: ${error.message}`;
      },
    );
  };
  return { open, records, state: () => state };
}

describe('who a backing is', () => {
  it('is its name with its serial number, where the name is locally assigned', async () => {
    const first = stand([], { serial: 'beafrv1', worldWideName: LOCAL });
    expect(await first.open()).toBe('opened');
    expect(first.records).toEqual([{ lun: 10, identity: LOCAL, serial: 'beafrv1' }]);
    const intruder = stand(first.records, { serial: 'intruder', worldWideName: LOCAL });
    expect(await intruder.open()).toMatch(
      /^refused-for-safety: .*serial intruder, and not 3000000100000001, serial beafrv1/,
    );
    const mute = stand(first.records, { serial: '', worldWideName: LOCAL });
    expect(await mute.open()).toMatch(/^refused-for-safety/);
    expect([intruder.records, mute.records]).toEqual([[], []]);
  });

  it('is its name alone, where IEEE makes sure that nobody else has it', async () => {
    const at = stand([{ lun: 10, identity: REGISTERED }], { serial: 'controller B', worldWideName: REGISTERED });
    expect(await at.open()).toBe('opened');
    expect(at.records).toEqual([]);
  });

  it('is completed, once, where an earlier version has recorded the name alone', async () => {
    const older = [
      { lun: 11, identity: 'OTHER' },
      { lun: 10, identity: LOCAL },
    ];
    const at = stand(older, { serial: 'beafrv1', worldWideName: LOCAL });
    expect([await at.open(), await at.open()]).toEqual(['opened', 'opened']);
    expect(at.records).toEqual([{ lun: 10, identity: LOCAL, serial: 'beafrv1' }]);
    expect(at.state().backings).toEqual([older[0], ...at.records]);
  });

  it('tells the same LUN number of two targets apart, and not one that is in use already', async () => {
    const recorded = [{ lun: 10, identity: LOCAL, serial: 'beafrv1' }];
    expect(await stand(recorded, { serial: 'beafrv2', worldWideName: LOCAL }).open(11)).toBe('opened');
    expect(await stand(recorded, { serial: 'beafrv1', worldWideName: LOCAL }).open(11)).toMatch(/LUN 10 already/);
  });
});
