import { describe, expect, it } from 'vitest';
import type { Lun } from '../../../src/lun/lun.ts';
import { LUNS } from '../../support/array-pair.ts';
import {
  acquireAll,
  cycle,
  cycleUntilPair,
  expectSame,
  formPair,
  inWorld,
  purgeRequest,
  sleep,
  stamp,
  until,
} from './world.ts';

/** Two orders for one group at the same moment: what the first one changes, the second one must not have looked at before. */

describe('a pair dissolved while its group changes direction', () => {
  it('keeps what hosts wrote in between', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await cycle(world, tokyo.operations, osaka.operations);
      const { generation, readSequence: sequence } = await osaka.operations.showJournal('oradb');
      await tokyo.operations.swapGroup({ group: 'oradb', role: 'auxiliary', generation, sequence });
      const stall = world.disks.osaka.stall('state');
      const swapping = osaka.operations.swapGroup({ group: 'oradb', role: 'primary', generation, sequence });
      await until(world, 'the swap is being committed', () => stall.begun() > 0, 1);
      const deleting = osaka.operations.deletePair('oradb', '');
      await sleep(world, 50);
      stall.resume();
      await until(world, 'osaka is primary', () => osaka.unit('data').access() === 'read-write', 0.2);
      await osaka.unit('data').write(5, stamp(55), { forceUnitAccess: false });
      await Promise.all([swapping, deleting]);
      expect((await osaka.unit('data').read(5, 1))[0]).toBe(55);
      osaka.kill();
      await osaka.start();
      expect((await osaka.unit('data').read(5, 1))[0]).toBe(55);
    }));
});

describe('a resync ordered while the copy of the one before ends', () => {
  it('copies what the copy before it was to get by journal', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      const resyncAuxiliary = async (): Promise<unknown> => {
        const { generation, lineage } = await tokyo.operations.showJournal('oradb');
        return osaka.operations.resyncGroup({ group: 'oradb', role: 'auxiliary', discard: false, generation, lineage });
      };
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.lun('data').write(3, stamp(3));
      await acquireAll(world, tokyo.operations, osaka.operations);
      await osaka.operations.splitGroup('oradb');
      const copying = world.disks.osaka.stall(`lun-${LUNS.osaka.data}.data`);
      await resyncAuxiliary();
      await until(world, 'chunks are copied', () => copying.begun() > 0, 1);
      await tokyo.lun('data').write(4, stamp(4));
      await acquireAll(world, tokyo.operations, osaka.operations);
      await tokyo.operations.purge(await purgeRequest(osaka.operations));
      await osaka.operations.splitGroup('oradb');
      const committing = world.disks.osaka.stall('state');
      copying.resume();
      await until(world, 'the checkpoint is being committed', () => committing.begun() > 0, 1);
      const ordered = resyncAuxiliary();
      await sleep(world, 50);
      committing.resume();
      await ordered;
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }));
});

/** A line on which what was read of the peer's first blocks, its header, stays under way for as long as it is held. */
function heldHeaders(): { line(lun: Lun): Lun; hold(): () => void; held(): number } {
  let passable = Promise.resolve();
  let waiting = 0;
  return {
    line: (lun) => ({
      ...lun,
      async read(lba, count, options) {
        const bytes = await lun.read(lba, count, options);
        if (lba !== 0) return bytes;
        waiting += 1;
        await passable;
        waiting -= 1;
        return bytes;
      },
    }),
    hold() {
      let open = (): void => undefined;
      passable = new Promise((resolve) => {
        open = resolve;
      });
      return () => open();
    },
    held: () => waiting,
  };
}

describe('an order to acquire that comes while the header of an earlier contact is under way', () => {
  const headers = heldHeaders();

  it('brings what that header does not show yet', () =>
    inWorld(
      async (world) => {
        const { tokyo, osaka } = world;
        await formPair(world, 'data');
        await cycleUntilPair(world);
        await cycle(world, tokyo.operations, osaka.operations);
        const { readSequence: last } = await osaka.operations.showJournal('oradb');
        const release = headers.hold();
        await osaka.operations.acquire({ group: 'oradb', toSequence: last });
        await until(world, 'the header is under way', () => headers.held() > 0, 1);
        await tokyo.lun('data').write(3, stamp(3));
        const { journalInSequence } = await tokyo.operations.showJournal('oradb');
        expect(journalInSequence).toBe(last + 2);
        const ordered = await osaka.operations.acquire({ group: 'oradb', toSequence: last + 1 });
        expect(ordered.sequence).toBe(last + 1);
        release();
        await until(world, 'the order is carried out', async () => {
          const { readSequence, toBeReadSequence } = await osaka.operations.showJournal('oradb');
          return readSequence === toBeReadSequence;
        });
        expect(await osaka.operations.showJournal('oradb')).toMatchObject({ readSequence: last + 1 });
      },
      { line: (lun) => headers.line(lun) },
    ));
});
