import { describe, expect, it } from 'vitest';
import { LunError, type Lun, type LunErrorKind, type SenseFacts } from '../../../src/lun/lun.ts';
import { createVolatileLun, type VolatileLun } from '../../support/volatile-lun.ts';
import { cycleUntilPair, expectSame, formPair, inWorld, resync, stamp, until, type World } from './world.ts';

const BLOCKS = 2048;
const ATOMIC_BLOCKS = 8;

interface Refusal {
  readonly kind: LunErrorKind;
  /** Absent: a status without sense. */
  readonly sense?: SenseFacts;
}

/** WRITE ATOMIC of eight blocks, which the LUN refuses as `refusal` says at the moment. */
function withAtomicWrites(lun: Lun, refusal: () => Refusal | undefined): Lun {
  const execute = async ({ cdb, dataOut }: { cdb: Uint8Array; dataOut?: Uint8Array }): Promise<Uint8Array> => {
    const asked = Buffer.from(cdb).toString('hex');
    if (asked.startsWith('1201b0')) {
      const page = new Uint8Array(0x40);
      page.set([0, 0xb0, 0, 0x3c]);
      return page.fill(ATOMIC_BLOCKS, 47, 48);
    }
    if (!asked.startsWith('9c')) return new Uint8Array(0);
    const refused = refusal();
    if (refused) throw new LunError(refused.kind, lun.path, `WRITE ATOMIC: ${refused.kind}`, refused);
    await lun.write(Buffer.from(cdb).readUInt32BE(6), dataOut!);
    return new Uint8Array(0);
  };
  return { ...lun, scsi: { execute } };
}

interface Backed extends World {
  readonly disk: VolatileLun;
  readonly refuse: (refusal: Refusal | undefined) => void;
}

function withBacking(work: (world: Backed) => Promise<void>): Promise<void> {
  let disk: VolatileLun;
  let refusal: Refusal | undefined;
  return inWorld((world) => work({ ...world, disk, refuse: (next) => (refusal = next) }), {
    backing: (array, volume) => (array === 'tokyo' && volume === 'data' ? 'iscsi://tokyo/iqn/1' : undefined),
    backings(clock) {
      disk = createVolatileLun(clock, BLOCKS);
      return async (path: string): Promise<Lun> => withAtomicWrites(await disk.open(path), () => refusal);
    },
  });
}

const suspended = (world: World) =>
  until(world, 'suspended', () => world.tokyo.log.some((line) => line.includes('suspended: error')));

async function writeAtomically({ tokyo }: World, fill: number): Promise<void> {
  const write = { atomic: true, forceUnitAccess: false } as const;
  await tokyo.unit('data').write(8, stamp(fill, ATOMIC_BLOCKS * 512), write);
}

describe('an atomic write whose journal has failed, before a LUN that refuses WRITE ATOMIC', () => {
  it.each([
    ['reservation conflict', { kind: 'reservation-conflict' }],
    ['medium error', { kind: 'check-condition', sense: { key: 3, asc: 0x0c, ascq: 0 } }],
    ['no such command any more', { kind: 'check-condition', sense: { key: 5, asc: 0x20, ascq: 0 } }],
  ] as const)('is written without it, and the group suspended: %s', (_name, refusal: Refusal) =>
    withBacking(async (world) => {
      const { tokyo, osaka, disk } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      world.refuse(refusal);
      world.disks.tokyo.breakFlush('lun-20.journal');
      await writeAtomically(world, 7);
      await suspended(world);
      expect(tokyo.log).toContainEqual(
        expect.stringMatching(/WRITE ATOMIC is refused, written without it: .*WRITE ATOMIC/),
      );
      expect(disk.content(8, ATOMIC_BLOCKS)).toEqual(stamp(7, ATOMIC_BLOCKS * 512));
      await tokyo.lun('data').write(40, stamp(40));
      world.disks.tokyo.breakFlush('lun-20.journal', 0);
      await resync(tokyo.operations, osaka.operations);
      await cycleUntilPair(world);
      await expectSame(world, 'data');
    }),
  );

  it('stays in the journal where that LUN refuses every write, until it takes them', () =>
    withBacking(async (world) => {
      const { tokyo, disk } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      world.refuse({ kind: 'reservation-conflict' });
      disk.refuse(8);
      world.disks.tokyo.breakFlush('lun-20.journal');
      await writeAtomically(world, 7);
      await suspended(world);
      const away = () => tokyo.array().management.show().backings[0]?.condition;
      await until(world, 'away', () => away() === 'away', 200);
      world.disks.tokyo.breakFlush('lun-20.journal', 0);
      disk.refuse(undefined);
      await until(world, 'ready', () => away() === 'ready', 200);
      expect(disk.content(8, ATOMIC_BLOCKS)).toEqual(stamp(7, ATOMIC_BLOCKS * 512));
    }));
});
