import { describe, expect, it } from 'vitest';
import type { LogicalUnit } from '../../../src/array/logical-unit.ts';
import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { testUnitReadyCdb } from '../../../src/scsi/cdb.ts';
import { encodeLunField } from '../../../src/scsi/lun-field.ts';
import { createScsiLun } from '../../support/scsi-lun.ts';
import { blockOf, writeBlock } from '../../support/written-blocks.ts';
import { SCSI_STATUS } from '../../../src/scsi/fault.ts';
import { cycleUntilPair, formPair, inWorld, sleep, stamp, swapToOsaka } from './world.ts';

const LEASE_MS = 20_000;

describe('a fence', () => {
  it('ends with the swap that it was for: what waited is refused, and a takeover back accepts writes at once', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      await tokyo.operations.fence({ group: 'oradb', leaseMs: LEASE_MS });
      const held = tokyo.unit('data').write(5, stamp(5), { forceUnitAccess: false });
      const answer = held.catch((error: unknown) => error);
      const beforeMs = world.clock.monotonicMs();
      await swapToOsaka(world);
      expect(await answer).toMatchObject({ status: SCSI_STATUS.checkCondition });
      expect((await tokyo.operations.showJournal('oradb')).fenced).toBe(false);
      await tokyo.operations.takeOver({ group: 'oradb', acceptInconsistent: false, giveUpDamaged: false });
      await tokyo.unit('data').write(6, stamp(6), { forceUnitAccess: false });
      expect(world.clock.monotonicMs() - beforeMs).toBeLessThan(LEASE_MS / 2);
    }));

  it('holds back nobody when its block is written again, over a restart of the array too', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await formPair(world, 'data');
      await cycleUntilPair(world);
      const { commandNumber: admissionNumber } = await tokyo.operations.showArray();
      const fence = { group: 'oradb', leaseMs: LEASE_MS };
      const overheard = blockOf('pair.fence', fence, {
        requestId: '07'.repeat(16),
        arraySerial: 'TK000001',
        admissionNumber,
      });
      const device = createScsiLun('memory:TK000001/0', () => tokyo.array().deviceServer, 0, 'host');
      expect(await writeBlock(device, overheard, 1)).toBe('ok');
      expect((await tokyo.operations.showJournal('oradb')).fenced).toBe(true);
      for (const power of [false, true]) {
        tokyo.kill();
        if (power) world.disks.tokyo.powerCut();
        await tokyo.start();
        expect(await writeBlock(device, overheard, 1)).toBe('ok');
        expect((await tokyo.operations.showJournal('oradb')).fenced).toBe(false);
        await tokyo.unit('data').write(6, stamp(6), { forceUnitAccess: false });
      }
    }));

  const changes = {
    write: (unit: LogicalUnit, isAborted: () => boolean) =>
      unit.write(5, stamp(5), { forceUnitAccess: false, isAborted }),
    deallocation: (unit: LogicalUnit, isAborted: () => boolean) => unit.deallocate!(5, 1, { isAborted }),
  } as const;

  it.each(['write', 'deallocation'] as const)('does not let a %s through whose host has given it up', (kind) =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await formPair(world, 'data');
      await tokyo.lun('data').write(5, stamp(9));
      await cycleUntilPair(world);
      await tokyo.operations.fence({ group: 'oradb', leaseMs: LEASE_MS });
      let aborted = false;
      const answer = changes[kind](tokyo.unit('data'), () => aborted).catch((error: unknown) => error);
      await sleep(world, 10);
      aborted = true;
      await tokyo.operations.fence({ group: 'oradb', leaseMs: 0 });
      expect(await answer).toMatchObject({ status: SCSI_STATUS.taskAborted });
      expect((await tokyo.lun('data').read(5, 1))[0]).toBe(9);
    }),
  );

  it('does not let a copy through whose host has given it up', () =>
    inWorld(async (world) => {
      const { tokyo } = world;
      await formPair(world, 'data');
      await tokyo.lun('data').write(20, stamp(9));
      await tokyo.lun('data').write(4, stamp(5));
      await cycleUntilPair(world);
      await tokyo.operations.fence({ group: 'oradb', leaseMs: LEASE_MS });
      const task = { ...extendedCopy(tokyo.unit('data')), nexus: 'copier', aborted: false };
      await tokyo.array().deviceServer.execute({ ...task, cdb: testUnitReadyCdb() });
      const answer = tokyo.array().deviceServer.execute(task);
      await sleep(world, 10);
      task.aborted = true;
      await tokyo.operations.fence({ group: 'oradb', leaseMs: 0 });
      expect(await answer).toMatchObject({ status: SCSI_STATUS.taskAborted });
      expect((await tokyo.lun('data').read(20, 1))[0]).toBe(9);
    }));
});

/** EXTENDED COPY(LID1) of block 4 to block 20 of the unit (SPC-4 6.4). */
function extendedCopy(unit: LogicalUnit) {
  const name = `e400000001030010${toHex(unit.worldWideName)}0000000000000200`;
  const segment = '02000018000000000000000100000000000000040000000000000014';
  const dataOut = fromHex(`07000020000000000000001c00000000${name}${segment}`);
  const cdb = fromHex(`83${'00'.repeat(9)}0000004c0000`);
  return { lun: encodeLunField(unit.lun), cdb, dataOut, expectedDataOut: dataOut.length, expectedDataIn: 0 };
}
