import { describe, expect, it } from 'vitest';
import { journalGeometry, metadataLba } from '../../../src/array/journal/geometry.ts';
import { decodeRecord, encodeRecord } from '../../../src/array/journal/record.ts';
import { LUNS } from '../../support/array-pair.ts';
import { acquireAll, cycleUntilPair, expectSame, formPair, inWorld, resync, stamp, until } from './world.ts';

const JOURNAL_BLOCKS = 8 + 9 * 64;

describe('an auxiliary journal that cannot be read after a restart', () => {
  it('costs the group its copy, and nothing else', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world, tokyo.operations, osaka.operations);
      await tokyo.lun('data').write(1, stamp(1));
      await acquireAll(world, tokyo.operations, osaka.operations);
      const { readSequence } = await osaka.operations.showJournal('oradb');
      const lba = metadataLba(journalGeometry(JOURNAL_BLOCKS), readSequence);
      osaka.storage.open(`lun-${LUNS.osaka.journal}.journal`).write(new Uint8Array(512), lba * 512);
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      osaka.kill();
      await osaka.start();
      const status = await osaka.operations.showJournal('oradb');
      expect(status).toMatchObject({ state: 'suspended', suspendReason: 'error', consistent: false });
      await expect(osaka.lun('data').read(1, 1)).rejects.toMatchObject({ kind: 'not-ready' });
      await osaka.lun('log').write(0, stamp(7, 4096));
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'data');
    }));

  it.each([
    ['a write far away', { lba: 2 ** 40 }],
    ['a write just behind the end', { lba: 2048 }],
    ['a deallocation without end', { kind: 'deallocate', length: 2 ** 50, blockCount: 0, dataCrc: 0 }],
  ] as const)('restores no record beyond the end of the volume, whatever its checksums say: %s', (_name, forged) =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world, tokyo.operations, osaka.operations);
      await tokyo.lun('data').write(1, stamp(1));
      await acquireAll(world, tokyo.operations, osaka.operations);
      const { readSequence } = await osaka.operations.showJournal('oradb');
      const file = osaka.storage.open(`lun-${LUNS.osaka.journal}.journal`);
      const at = metadataLba(journalGeometry(JOURNAL_BLOCKS), readSequence) * 512;
      const bytes = new Uint8Array(512);
      file.read(bytes, at);
      const record = decodeRecord(bytes);
      if (!record.ok) throw new Error('no record to forge');
      file.write(encodeRecord({ ...record.value, ...forged }), at);
      await osaka.operations.restore({ group: 'oradb', toSequence: readSequence });
      await until(world, 'noticed', async () =>
        /record \d+ changes/.test((await osaka.operations.showJournal('oradb')).errorText),
      );
      expect(await osaka.operations.showJournal('oradb')).toMatchObject({ restoredSequence: readSequence - 1 });
      expect(osaka.storage.open(`lun-${LUNS.osaka.data}.data`).size()).toBeLessThanOrEqual(2048 * 512);
    }),
  );
});
