import { describe, expect, it } from 'vitest';
import { journalGeometry, metadataLba } from '../../../src/array/journal/geometry.ts';
import { LUNS } from '../../support/array-pair.ts';
import { acquireAll, cycleUntilPair, expectSame, formPair, inWorld, resync, stamp } from './world.ts';

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
});
