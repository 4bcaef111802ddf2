import { describe, expect, it } from 'vitest';
import { fromHex } from '../../../src/base/bytes.ts';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import { LUNS } from '../../support/array-pair.ts';
import { verdictOf } from '../virtual-volume-world.ts';
import { cycle, cycleUntilPair, expectSame, formPair, inWorld, stamp, type World } from './world.ts';

/** Commands of no blocks, right behind the last one, where SBC-3 lets them pass: no record of a journal may come of them. */

const END = '0000000000000800';
const NOTHING = {
  'WRITE SAME(16) with UNMAP': [`93 08 ${END} 00000000 00 00`, stamp(0)],
  'WRITE SAME(16)': [`93 00 ${END} 00000000 00 00`, stamp(1)],
  'WRITE SAME(10) with UNMAP': ['41 08 00000800 00 0000 00', stamp(0)],
  UNMAP: ['42 00 00000000 00 0018 00', fromHex(`0016001000000000${END}0000000000000000`)],
  'WRITE(10)': ['2a 00 00000800 00 0000 00', new Uint8Array(0)],
  'WRITE ATOMIC': [`9c 00 ${END} 0000 0000 00 00`, new Uint8Array(0)],
  'COMPARE AND WRITE': [`89 00 ${END} 000000 00 00 00`, new Uint8Array(0)],
  ORWRITE: [`8b 00 ${END} 00000000 00 00`, new Uint8Array(0)],
} as const;

async function send({ tokyo }: World, cdb: string, dataOut: Uint8Array): Promise<string> {
  const expected = { expectedDataOut: dataOut.length, expectedDataIn: 0 };
  const lun = encodeLunField(LUNS.tokyo.data);
  const task = { nexus: 'host', lun, cdb: fromHex(cdb.replaceAll(' ', '')), dataOut, ...expected };
  for (;;) {
    const verdict = verdictOf({ sense: undefined, ...(await tokyo.array().deviceServer.execute(task)) });
    if (!verdict.startsWith('6/')) return verdict;
  }
}

describe('a command of no blocks to a primary volume', () => {
  it.each(Object.entries(NOTHING))('%s stands in no way of the writes behind it', (_name, [cdb, data]) =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const before = (await tokyo.operations.showJournal('oradb')).journalInSequence;
      expect(await send(world, cdb, data)).toBe('good');
      expect((await tokyo.operations.showJournal('oradb')).journalInSequence).toBe(before);
      await tokyo.lun('data').write(3, stamp(7));
      await tokyo.lun('data').flush();
      tokyo.kill();
      world.disks.tokyo.powerCut();
      await tokyo.start();
      expect((await tokyo.lun('data').read(3, 1))[0]).toBe(7);
      await cycle(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'data');
    }),
  );

  it('nor does what asks the volume itself for nothing', () =>
    inWorld(async (world) => {
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.unit('data').deallocate!(5, 0);
      await tokyo.unit('data').write(5, new Uint8Array(0), { forceUnitAccess: true });
      await tokyo.lun('data').write(3, stamp(7));
      await cycle(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'data');
    }));
});
