import { describe, expect, it } from 'vitest';
import { fromHex, writeU32 } from '../../../src/base/bytes.ts';
import { checkCondition } from '../../../src/scsi/fault.ts';
import { cdbLength } from '../../../src/scsi/opcode.ts';
import { COMMAND_LIST, commandsOf, type Command } from '../../../src/scsi/opcode-table.ts';
import { channelFixture, EVERYTHING, memoryUnit, pattern, type MemoryUnit } from './channel-fixture.ts';

const BLOCK_COUNT = 1000;

/** A CDB made by hand: the LBA as 8 hex bytes, cut to what the form has room for. */
function cdbOf(command: Command, lba = '0000000000000000', blockCount = 0): Uint8Array {
  const length = cdbLength(command.opcode)!;
  const cdb = new Uint8Array(length);
  cdb[0] = command.opcode;
  cdb[1] = command.serviceAction ?? 0;
  if (!command.checksLba) return cdb;
  const lbaBytes = fromHex(lba);
  if (length === 6) {
    cdb.set(lbaBytes.subarray(5), 1);
    cdb[4] = blockCount;
  } else if (length === 16) {
    cdb.set(lbaBytes, 2);
    if (command.name === 'compareAndWrite') cdb[13] = blockCount;
    else if (command.name === 'writeAtomic16') cdb.set([blockCount >>> 8, blockCount & 0xff], 12);
    else writeU32(cdb, 10, blockCount);
  } else {
    cdb.set(lbaBytes.subarray(4), 2);
    if (length === 12) writeU32(cdb, 6, blockCount);
    else cdb.set([blockCount >>> 8, blockCount & 0xff], 7);
  }
  return cdb;
}

const BLOCK_COMMANDS = COMMAND_LIST.filter((command) => command.checksLba);
const named = (commands: readonly Command[]) => commands.map((command) => [command.title, command] as const);

/** As much data as the command can want for one block, so that nothing else is wrong with it. */
function dataFor(command: Command): Uint8Array {
  if (command.name === 'compareAndWrite') return pattern(1024);
  return command.effect === 'write' ? pattern(512) : new Uint8Array(0);
}

async function fixtureOf(unit: MemoryUnit = memoryUnit({ blockCount: BLOCK_COUNT, ...EVERYTHING })) {
  return { unit, ...(await channelFixture([unit])) };
}

describe.each(named(BLOCK_COMMANDS))('LBA limits of %s', (_title, command) => {
  const six = cdbLength(command.opcode) === 6;
  const sixteen = cdbLength(command.opcode) === 16;

  it('lets the last block pass and not the one after it', async () => {
    const { send } = await fixtureOf();
    const last = (BLOCK_COUNT - 1).toString(16).padStart(16, '0');
    const data = dataFor(command);
    const compares = command.name === 'compareAndWrite';
    expect((await send(cdbOf(command, last, 1), { data })).verdict).toBe(compares ? 'e/1d/00' : 'good');
    expect((await send(cdbOf(command, last, 2), { data })).verdict).toBe('5/21/00');
  });

  it('refuses every LBA beyond the end, also for 0 blocks', async () => {
    const { send, unit } = await fixtureOf();
    const beyond = ['00000000000003e9', '00000000001fffff'];
    if (!six) beyond.push('0000000080000000', '00000000ffffffff');
    if (sixteen)
      beyond.push('0000000100000000', '0020000000000000', '7fffffffffffffff', '8000000000000000', 'ffffffffffffffff');
    for (const lba of beyond) {
      for (const blockCount of six ? [1] : [0, 1]) {
        expect((await send(cdbOf(command, lba, blockCount), { data: dataFor(command) })).verdict, `LBA ${lba}`).toBe(
          '5/21/00',
        );
      }
    }
    expect(unit.calls).toEqual([]);
  });

  it('does not let LBA and length wrap around', async () => {
    const { send } = await fixtureOf();
    if (!sixteen || ['compareAndWrite', 'writeAtomic16'].includes(command.name)) return;
    expect((await send(cdbOf(command, '00000000000003e7', 0xffffffff), { data: dataFor(command) })).verdict).toBe(
      '5/21/00',
    );
    expect((await send(cdbOf(command, 'ffffffffffffffff', 2), { data: dataFor(command) })).verdict).toBe('5/21/00');
  });

  it('takes 0 blocks at LBA 0', async () => {
    // A 0 in a 6-byte CDB means 256 blocks.
    if (six) return;
    const { send } = await fixtureOf();
    const announced = command.lengthLimit === 'write-same' ? pattern(512) : new Uint8Array(0);
    expect((await send(cdbOf(command, '0000000000000000', 0), { data: announced })).verdict).toBe('good');
  });
});

describe.each(named(BLOCK_COMMANDS.filter((command) => command.hasProtect)))('%s', (_title, command) => {
  it('refuses all seven values of PROTECT', async () => {
    const { send } = await fixtureOf();
    for (let protect = 1; protect < 8; protect++) {
      const cdb = cdbOf(command, '0000000000000000', 1);
      cdb[1] = protect << 5;
      expect((await send(cdb, { data: dataFor(command) })).verdict).toBe('5/24/00');
    }
  });
});

describe.each(named(COMMAND_LIST))('the checks before %s', (_title, command) => {
  it('refuse every truncated CDB', async () => {
    const { send, unit } = await fixtureOf();
    const cdb = cdbOf(command, '0000000000000000', 1);
    for (let length = 1; length < cdb.length; length++) {
      const { verdict } = await send(cdb.subarray(0, length), { data: dataFor(command) });
      expect(verdict, `cut at ${length}`).toBe('5/24/00');
    }
    expect(unit.calls).toEqual([]);
  });

  it('refuse NACA', async () => {
    const { send } = await fixtureOf();
    const cdb = cdbOf(command, '0000000000000000', 1);
    cdb[cdb.length - 1] = 0x04;
    expect((await send(cdb, { data: dataFor(command) })).verdict).toBe('5/24/00');
  });

  it('say NOT READY before they look at any field', async () => {
    const { send, unit } = await fixtureOf();
    unit.setAccess('none');
    const cdb = cdbOf(command, 'ffffffffffffffff', 1);
    if (command.hasProtect) cdb[1] = 0xe0;
    const { verdict } = await send(cdb, { data: dataFor(command) });
    if (command.needsMedium && !command.onNotReady) expect(verdict).toBe('2/04/07');
    else expect(verdict).not.toMatch(/^2/);
    expect(unit.calls).toEqual([]);
  });

  it('say WRITE PROTECTED before they look at any field', async () => {
    const { send, unit } = await fixtureOf();
    unit.setAccess('read-only');
    const cdb = cdbOf(command, 'ffffffffffffffff', 1);
    if (command.hasProtect) cdb[1] = 0xff;
    const { verdict } = await send(cdb, { data: dataFor(command) });
    if (command.effect === 'write') expect(verdict).toBe('7/27/00');
    else expect(verdict).not.toMatch(/^7/);
    expect(unit.calls.filter((call) => call.startsWith('write'))).toEqual([]);
  });

  it('report a pending unit attention first, once', async () => {
    const { send, server, unit } = await fixtureOf();
    server.nexusOpened('b');
    unit.setAccess('none');
    const cdb = cdbOf(command, 'ffffffffffffffff', 1);
    const first = (await send(cdb, { nexus: 'b', data: dataFor(command) })).verdict;
    const second = (await send(cdb, { nexus: 'b', data: dataFor(command) })).verdict;
    if (command.ignoresAttention) expect(first).not.toBe('6/29/00');
    else expect(first).toBe('6/29/00');
    expect(second).not.toBe('6/29/00');
  });
});

describe('operation codes', () => {
  it('are INVALID COMMAND OPERATION CODE where the table has no row', async () => {
    const { send } = await fixtureOf();
    for (let opcode = 0; opcode < 256; opcode++) {
      if (commandsOf(opcode).length > 0) continue;
      const cdb = new Uint8Array(16);
      cdb[0] = opcode;
      expect((await send(cdb)).verdict, `operation code ${opcode}`).toBe('5/20/00');
    }
  });

  it('are INVALID FIELD IN CDB where only the service action is missing', async () => {
    const { send } = await fixtureOf();
    for (const opcode of [0x5e, 0x5f, 0x83, 0x84, 0x9e, 0xa3]) {
      for (let action = 0; action < 32; action++) {
        if (commandsOf(opcode).some((command) => command.serviceAction === action)) continue;
        expect((await send(new Uint8Array(16).fill(opcode, 0, 1).fill(action, 1, 2))).verdict).toBe('5/24/00');
      }
    }
  });

  it('are absent on units that cannot keep what the command promises', async () => {
    const kinds = ['volume', 'virtual', 'command-device'] as const;
    const { send } = await channelFixture(kinds.map((kind, lun) => memoryUnit({ lun, kind, ...EVERYTHING })));
    const absent = async (lun: number) => {
      const titles = [];
      for (const command of COMMAND_LIST) {
        const { verdict } = await send(cdbOf(command, '0000000000000000', 1), { lun, data: dataFor(command) });
        if (verdict === '5/20/00') titles.push(command.title);
      }
      return titles;
    };
    expect(await absent(0)).toEqual([]);
    const persistent = COMMAND_LIST.filter((command) => command.reservedAs === 'persistent').map(({ title }) => title);
    expect(persistent).toHaveLength(12);
    const sanitize = [
      'SANITIZE, OVERWRITE',
      'SANITIZE, BLOCK ERASE',
      'SANITIZE, CRYPTO ERASE',
      'SANITIZE, EXIT FAILURE MODE',
    ];
    expect(await absent(1)).toEqual([
      'RESERVE(6)',
      'RELEASE(6)',
      ...sanitize,
      ...persistent,
      'COMPARE AND WRITE',
      'ORWRITE(16)',
      'WRITE ATOMIC(16)',
    ]);
    expect(await absent(2)).toEqual([
      'RESERVE(6)',
      'RELEASE(6)',
      'WRITE AND VERIFY(10)',
      'WRITE SAME(10)',
      ...sanitize,
      ...persistent,
      'EXTENDED COPY(LID1)',
      'RECEIVE COPY STATUS(LID1)',
      'RECEIVE COPY OPERATING PARAMETERS',
      'COMPARE AND WRITE',
      'ORWRITE(16)',
      'WRITE AND VERIFY(16)',
      'WRITE SAME(16)',
      'WRITE ATOMIC(16)',
      'WRITE AND VERIFY(12)',
    ]);
    const plain = await channelFixture([memoryUnit()]);
    const missing = [];
    for (const command of COMMAND_LIST) {
      const { verdict } = await plain.send(cdbOf(command, '0000000000000000', 1), { data: dataFor(command) });
      if (verdict === '5/20/00' || command.name === 'getLbaStatus') missing.push(`${command.title} ${verdict}`);
    }
    expect(missing).toEqual([
      'PREVENT ALLOW MEDIUM REMOVAL 5/20/00',
      'UNMAP 5/20/00',
      ...sanitize.map((title) => `${title} 5/20/00`),
      'WRITE ATOMIC(16) 5/20/00',
      // READ CAPACITY(16) shares the operation code.
      'GET LBA STATUS 5/24/00',
    ]);
  });
});

describe('a unit that must be reached first', () => {
  const READ = '28 00 00000000 00 0001 00';

  it('is reached before the command, and only while it has no access', async () => {
    let prepared = 0;
    const unit: MemoryUnit = memoryUnit({
      prepare: async () => {
        prepared++;
        unit.setAccess('read-write');
      },
    });
    unit.setAccess('none');
    const { send } = await channelFixture([unit]);
    expect((await send('12 00 00 00 24 00')).verdict).toBe('good');
    expect(prepared).toBe(0);
    expect((await send(READ)).verdict).toBe('good');
    expect((await send(READ)).verdict).toBe('good');
    expect(prepared).toBe(1);
  });

  it('gives its own reason where it cannot be reached', async () => {
    const unit = memoryUnit({ blockCount: 0, prepare: () => Promise.reject(checkCondition(2, 0x08, 0, 'no path')) });
    unit.setAccess('none');
    const { send } = await channelFixture([unit]);
    for (const cdb of [READ, '00 00 00 00 00 00', '25 00 00000000 0000 00 00']) {
      expect((await send(cdb)).verdict).toBe('2/08/00');
    }
  });

  it('does not answer READ CAPACITY without a capacity', async () => {
    const unit = memoryUnit({ blockCount: 0 });
    const { send } = await channelFixture([unit]);
    expect((await send('25 00 00000000 0000 00 00')).verdict).toBe('2/04/07');
  });
});

describe('write protection that begins while a command runs', () => {
  it('stops the write half of COMPARE AND WRITE', async () => {
    const unit: MemoryUnit = memoryUnit({
      read: async () => {
        unit.setAccess('read-only');
        return new Uint8Array(512);
      },
    });
    const { send } = await channelFixture([unit]);
    const { verdict } = await send('89 00 0000000000000000 00000001 0000', { data: new Uint8Array(1024) });
    expect(verdict).toBe('7/27/00');
    expect(unit.calls).toEqual(['read 0+1']);
  });
});
