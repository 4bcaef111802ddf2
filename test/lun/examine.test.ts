import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { examineDevice, listDevices } from '../../src/lun/examine-device.ts';
import { examineUnit } from '../../src/lun/examine-unit.ts';
import { LunError } from '../../src/lun/lun.ts';
import { createMemoryLun } from '../../src/lun/memory-lun.ts';
import { changeReservations, readReservations } from '../../src/lun/reservations.ts';
import { zeroBlocksOf } from '../../src/lun/zero-blocks.ts';
import { addScsiDisk, createFakeDevices } from '../support/fake-devices.ts';
import { createScriptedUnit } from '../support/scripted-unit.ts';

const KEY = '00000000000000a1';
const OTHER = '00000000000000b2';
const hex = (text: string): Uint8Array => fromHex(text.replaceAll(' ', ''));
const inquiry = (): Uint8Array => {
  const bytes = Buffer.alloc(96);
  bytes.set([0, 0, 6, 2, 91]);
  bytes.write('ACME    TEST DISK       0001', 8, 'latin1');
  return new Uint8Array(bytes);
};

const THIN = hex('0000000000000fff 00000200 0000 c000' + '00'.repeat(16));
const PLAIN_UNIT = {
  '12': inquiry(),
  '00': new Uint8Array(0),
  '25': hex('00000fff 00000200'),
  '9e10': THIN,
  '5a': hex('001a 00 80 00000000' + '08120400000000000000000000000000 00000000'),
  '120100': hex('00000004 0080b0c3'),
  '1201c3': { sense: [5, 0x24, 0] as const },
  '120180': hex('00800004 53313233'),
  '1201b0': hex('00b00010 00800000000100000000080000000000'),
};

describe('a unit', () => {
  it('is asked for every page that it lists, and says what it does not tell', async () => {
    const unit = createScriptedUnit(PLAIN_UNIT);
    const report = await examineUnit(unit, { timeoutMs: 1000 });
    expect(report).toMatchObject({
      source: 'unit',
      state: 'ready',
      inquiry: { vendor: 'ACME', product: 'TEST DISK', version: 'SPC-4' },
      capacity: { blockCount: 4096, byteLength: 2097152, thin: true, readsZeros: true, shortBlockCount: 4096 },
      mode: { writeProtected: true, writeCache: true },
    });
    expect(report.vpd.map(({ page }) => page)).toEqual(['00', '80', 'b0']);
    expect(report.unknown.map(({ what }) => what)).toEqual(['VPD page c3h', 'persistent reservations']);
    expect(report).not.toHaveProperty('reservations');
  });

  it('of an older kind answers the short commands', async () => {
    const { '9e10': _, '5a': __, ...older } = PLAIN_UNIT;
    const unit = createScriptedUnit({ ...older, '1a': hex('03 00 00 00') });
    const report = await examineUnit(unit, {});
    expect(report.capacity).toMatchObject({ blockCount: 4096, physicalBlockSize: 512, thin: false });
    expect(report.mode).toEqual({ writeProtected: false, forceUnitAccess: false, pages: [] });
  });

  it('without medium is still shown', async () => {
    const none = { sense: [2, 0x3a, 0] } as const;
    const unit = createScriptedUnit({ ...PLAIN_UNIT, '00': none, '25': none, '9e10': none });
    const report = await examineUnit(unit, {});
    expect(report.state).toContain('sense 2/58/0');
    expect(report).not.toHaveProperty('capacity');
    expect(report.unknown[0]!.what).toBe('capacity');
  });

  it('that cannot be reached is a failure, not a report', async () => {
    const lost = (): never => {
      throw new LunError('no-path', 'iscsi://unit', 'gone');
    };
    const unit = createScriptedUnit({ ...PLAIN_UNIT, '5a': lost });
    await expect(examineUnit(unit, {})).rejects.toMatchObject({ kind: 'no-path' });
  });
});

describe('reservations', () => {
  const KEYS = hex(`00000003 00000010 ${KEY} ${OTHER}`);
  const HELD = hex(`00000003 00000010 ${KEY} 00000000 0005 0000`);

  it('are read as far as the device tells them', async () => {
    const unit = createScriptedUnit({ '5e00': KEYS, '5e01': HELD });
    expect(await readReservations(unit, {})).toEqual({
      generation: 3,
      keys: [KEY, OTHER],
      held: { key: KEY, type: 'write-exclusive-registrants-only' },
    });
  });

  it('of many hosts are asked for again with more room', async () => {
    const many = new Uint8Array(8 + 8 * 1000);
    many.set([0, 0, 0, 1, 0, 0, 0x1f, 0x40]);
    const unit = createScriptedUnit({ '5e00': many, '5e01': hex('0000000100000000') });
    expect((await readReservations(unit, {})).keys).toHaveLength(1000);
    expect(unit.seen.slice(0, 2)).toEqual(['5e000000000000100000', '5e000000000000ffff00']);
  });

  it('are changed by one command that is not repeated', async () => {
    const unit = createScriptedUnit({ '5f': (request) => (expect(request.repeatable).toBe(false), new Uint8Array(0)) });
    await changeReservations(unit, { action: 'register', newKey: KEY, throughPowerLoss: true }, {});
    await changeReservations(unit, { action: 'preempt', key: KEY, other: OTHER, type: 'exclusive-access' }, {});
    expect(unit.seen).toEqual(['5f060000000000001800', '5f040300000000001800']);
    expect(Buffer.from(unit.sent[1]!).toString('hex')).toBe(`${KEY}${OTHER}${'00'.repeat(8)}`);
  });

  it('need a path that carries SCSI commands', async () => {
    const lun = createMemoryLun({ path: '/dev/sdz', capacity: { blockSize: 512, blockCount: 8 } });
    await expect(readReservations(lun, {})).rejects.toMatchObject({ kind: 'bad-argument' });
  });
});

describe('zero blocks', () => {
  const B2 = hex('00b20004 00e40200');
  const B0 = hex(`00b0003c ${'00'.repeat(32)} 0000000000000040 ${'00'.repeat(20)}`);

  it('are known from GET LBA STATUS, neighbours joined', async () => {
    const status = hex(
      `0000002c 00000000 ${'0000000000000008 00000010 01000000'.repeat(1)} 0000000000000018 00000008 01000000`,
    );
    const list = new Uint8Array(Buffer.concat([status, hex('0000000000000020 00000008 00000000')]));
    list.set([0, 0, 0, 4 + 48]);
    const unit = createScriptedUnit({ '9e10': THIN, '1201b2': B2, '1201b0': B0, '9e12': list });
    const zero = await zeroBlocksOf(unit, 512, {});
    expect(await zero.runAt!(0x0a, {})).toEqual({ zeros: true, blockCount: 0x20 - 0x0a });
    expect(unit.seen.at(-1)).toMatch(/^9e12000000000000000a/);
  });

  it('are written by WRITE SAME with UNMAP, no more at once than the unit takes', async () => {
    const unit = createScriptedUnit({ '9e10': THIN, '1201b2': B2, '1201b0': B0, '93': new Uint8Array(0) });
    const zero = await zeroBlocksOf(unit, 512, {});
    await zero.write!(5, 100, {});
    expect(unit.seen.filter((cdb) => cdb.startsWith('93'))).toEqual([
      '93080000000000000005000000400000',
      '93080000000000000045000000240000',
    ]);
    expect(unit.sent.map((data) => data.length)).toEqual([512, 512]);
  });

  it('are sent as data to a unit that refuses what it promised', async () => {
    const unit = createScriptedUnit({ '9e10': THIN, '1201b2': B2, '1201b0': B0 });
    const sent: string[] = [];
    unit.write = async (lba, data) => void sent.push(`${lba}+${data.length / 512}`);
    const zero = await zeroBlocksOf(unit, 512, {});
    await zero.write!(5, 100, {});
    await zero.write!(5, 3000, {});
    expect(sent).toEqual(['5+64', '69+36', '5+2048', '2053+952']);
    expect(unit.seen.filter((cdb) => cdb.startsWith('93'))).toHaveLength(1);
  });

  it('are not believed of a unit that promises no zeros, nor asked of one without SCSI', async () => {
    const vague = new Uint8Array(THIN);
    vague[14] = 0x80;
    expect(await zeroBlocksOf(createScriptedUnit({ '9e10': vague }), 512, {})).toEqual({});
    expect(await zeroBlocksOf(createScriptedUnit({}), 512, {})).toEqual({});
    const withoutWrite = createScriptedUnit({ '9e10': THIN, '1201b2': hex('00b20004 00800200'), '1201b0': B0 });
    expect(await zeroBlocksOf(withoutWrite, 512, {})).not.toHaveProperty('write');
  });
});

describe('a block device', () => {
  function machine() {
    const system = createFakeDevices(1 << 20);
    addScsiDisk(system, 512);
    const disk = '/sys/devices/pci0/block/sda';
    const facts: Record<string, string | Uint8Array> = {
      [`${disk}/queue/physical_block_size`]: '4096\n',
      [`${disk}/queue/rotational`]: '1\n',
      [`${disk}/queue/discard_max_bytes`]: '1048576\n',
      [`${disk}/queue/discard_granularity`]: '4096\n',
      [`${disk}/queue/write_cache`]: 'write back\n',
      [`${disk}/ro`]: '1\n',
      [`${disk}/device/inquiry`]: inquiry(),
      [`${disk}/device/vpd_pg80`]: hex('00800004 53313233'),
      [`${disk}/device/vpd_pgb1`]: hex('00b10004 1c200003'),
      '/sys/block/sda/dev': '8:0\n',
    };
    for (const [path, content] of Object.entries(facts)) system.files.set(path, content);
    return system;
  }

  it('is shown with what the kernel keeps, and says what cannot be seen', () => {
    const report = examineDevice(machine(), '/dev/sda');
    expect(report).toMatchObject({
      source: 'kernel',
      inquiry: { vendor: 'ACME' },
      capacity: { blockSize: 512, physicalBlockSize: 4096, byteLength: 1 << 20 },
      kernel: { kind: 'disk', readOnly: true, rotational: true, writeCache: 'write back', discardMaximum: 1048576 },
    });
    expect(report.vpd.map(({ page }) => page)).toEqual(['80', 'b1']);
    expect(report.unknown.map(({ what }) => what).join()).toContain('persistent reservations');
  });

  it('is told from its partition', () => {
    expect(examineDevice(machine(), '/dev/sda1').kernel?.kind).toBe('partition');
  });

  it('is listed, with who uses it', () => {
    const system = machine();
    system.files.set('/sys/block/ghost/dev', '9:9\n');
    expect(listDevices(system)).toMatchObject([{ path: '/dev/sda', writeProtected: true, thin: true, kind: 'disk' }]);
    system.files.set('/proc/self/mountinfo', '36 35 8:1 / /data rw - ext4 /dev/sda1 rw\n');
    expect(listDevices(system)[0]!.usedBy).toBe('it is mounted on /data');
  });
});
