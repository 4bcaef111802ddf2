import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import type { ArrayHandle } from '../../support/array-pair.ts';
import { LUNS } from '../../support/array-pair.ts';
import { verdictOf } from '../virtual-volume-world.ts';
import { cycle, cycleUntilPair, expectSame, formPair, inWorld, stamp, type World } from './world.ts';

/** A pair whose volumes are both reached through a virtual volume of the other array. */

const VIRTUAL = 50;

/** Each array shows the other's `data` at LUN 50. */
async function mapAcross({ tokyo, osaka }: World): Promise<void> {
  const entry = { lun: VIRTUAL, name: 'across' };
  await tokyo.array().management.mapLun({ ...entry, targetSerial: osaka.serial, targetLun: LUNS.osaka.data });
  await osaka.array().management.mapLun({ ...entry, targetSerial: tokyo.serial, targetLun: LUNS.tokyo.data });
}

type Sent = readonly [cdb: string, data: Uint8Array];

/** What a host is answered; unit attentions are taken first. */
async function send(
  at: ArrayHandle,
  lun: number,
  cdb: string,
  dataOut: Uint8Array = new Uint8Array(0),
): Promise<string> {
  const expected = { expectedDataOut: dataOut.length, expectedDataIn: 0 };
  const task = { nexus: 'host', lun: encodeLunField(lun), cdb: fromHex(cdb.replaceAll(' ', '')), dataOut, ...expected };
  for (;;) {
    const reply = await at.array().deviceServer.execute(task);
    const verdict = verdictOf({ sense: undefined, ...reply });
    if (!verdict.startsWith('6/')) return verdict;
  }
}

/** One block at block 0, equal to `expected` before and all `written` after it. */
const compareAndWrite = (expected: number, written: number): Sent => [
  '89 00 0000000000000000 000000 01 00 00',
  new Uint8Array([...stamp(expected), ...stamp(written)]),
];
const ATOMIC: Sent = ['9c 00 0000000000000008 0000 0004 00 00', stamp(0x44, 2048)];
const OR_WRITE: Sent = ['8b 00 0000000000000001 00000001 00 00', stamp(0x80)];
/** EXTENDED COPY(LID1) of one block from block 4 to block 20 inside a unit (SPC-4 6.4). */
function extendedCopy(at: ArrayHandle, lun: number): Sent {
  const { worldWideName } = at.array().units.unit(lun)!;
  const name = `e400000001030010${toHex(worldWideName)}0000000000000200`;
  const segment = '02000018000000000000000100000000000000040000000000000014';
  return [`83${'00'.repeat(9)}0000004c0000`, fromHex(`07000020000000000000001c00000000${name}${segment}`)];
}
/** Blocks 256 to 383. */
const UNMAP: Sent = ['42 00 00000000 00 0018 00', fromHex('0016001000000000000000000000010000000080' + '00000000')];
const WRITE_SAME_UNMAP: Sent = ['93 08 0000000000000400 00000080 00 00', stamp(0)];
const SANITIZE: Sent = ['48 82 00 00 00 00 00 00 00 00', new Uint8Array(0)];
const RESERVE: Sent = ['16 00 00 00 00 00', new Uint8Array(0)];

describe('a primary volume behind a virtual volume', () => {
  it('journals what a host does there, so that the auxiliary has it', async () => {
    await inWorld(async (world) => {
      await mapAcross(world);
      const { tokyo, osaka } = world;
      await tokyo.lun('data').write(256, stamp(0x11, 512 * 128));
      await tokyo.lun('data').write(0x400, stamp(0x22, 512 * 128));
      await formPair(world, 'data');
      await cycleUntilPair(world);
      for (const command of [compareAndWrite(0, 0x33), ATOMIC, OR_WRITE, UNMAP, WRITE_SAME_UNMAP]) {
        expect(await send(osaka, VIRTUAL, ...command)).toBe('good');
      }
      expect(await send(osaka, VIRTUAL, ...compareAndWrite(0, 0x55))).toBe('e/1d/00');
      expect(await send(osaka, VIRTUAL, ...SANITIZE)).toBe('5/2c/00');
      await cycle(world, tokyo.operations, osaka.operations);
      await expectSame(world, 'data');
      const blocks = await Promise.all([0, 1, 8, 256, 0x400].map((lba) => osaka.lun('data').read(lba, 1)));
      expect(blocks.map(([first]) => first)).toEqual([0x33, 0x80, 0x44, 0, 0]);
      await world.stop();
    });
  });
});

describe('EXTENDED COPY of a pair', () => {
  it('is journaled onto the primary volume, by either name, and refused onto the auxiliary', async () => {
    await inWorld(async (world) => {
      await mapAcross(world);
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const carried = async (): Promise<void> => {
        await cycle(world, tokyo.operations, osaka.operations);
        await expectSame(world, 'data');
      };
      for (const [at, lun, fill] of [
        [tokyo, LUNS.tokyo.data, 0x66],
        [osaka, VIRTUAL, 0x77],
      ] as const) {
        await tokyo.lun('data').write(4, stamp(fill));
        expect(await send(at, lun, ...extendedCopy(at, lun))).toBe('good');
        await carried();
        expect((await osaka.lun('data').read(20, 1))[0]).toBe(fill);
      }
      await tokyo.lun('data').write(4, stamp(0x11));
      await carried();
      // COPY ABORTED (SPC-4 5.17.7), with the code of WRITE PROTECTED, which the unit answered.
      expect(await send(osaka, LUNS.osaka.data, ...extendedCopy(osaka, LUNS.osaka.data))).toBe('a/27/00');
      expect(await send(tokyo, VIRTUAL, ...extendedCopy(tokyo, VIRTUAL))).toBe('a/27/00');
      expect((await osaka.lun('data').read(20, 1))[0]).toBe(0x77);
      await expectSame(world, 'data');
      await world.stop();
    });
  });
});

describe('an auxiliary volume behind a virtual volume', () => {
  it('refuses every change, as it does to its own hosts, and may be reserved', async () => {
    await inWorld(async (world) => {
      await mapAcross(world);
      const { tokyo, osaka } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const write: Sent = ['2a 00 00000000 00 0001 00', stamp(1)];
      const changes: readonly Sent[] = [
        write,
        compareAndWrite(0, 1),
        ATOMIC,
        OR_WRITE,
        UNMAP,
        WRITE_SAME_UNMAP,
        SANITIZE,
      ];
      for (const change of changes) {
        const direct = await send(osaka, LUNS.osaka.data, ...change);
        expect([await send(tokyo, VIRTUAL, ...change), direct]).toEqual(['7/27/00', '7/27/00']);
      }
      expect(await send(tokyo, VIRTUAL, ...RESERVE)).toBe('good');
      expect(await send(osaka, LUNS.osaka.data, '28 00 00000000 00 0001 00')).toBe('conflict');
      await expectSame(world, 'log');
      await world.stop();
    });
  });
});
