import { describe, expect, it } from 'vitest';
import { fromHex, readU16, readU32, toHex } from '../../../src/base/bytes.ts';
import { reportOpcodesCdb } from '../../../src/scsi/cdb.ts';
import { cdbLength, OPCODE } from '../../../src/scsi/opcode.ts';
import { COMMAND_LIST, commandsOf, type Command } from '../../../src/scsi/opcode-table.ts';
import { channelFixture, EVERYTHING, memoryUnit } from './channel-fixture.ts';

/** One that is carried out, of one block where it has a length. */
function plainCdb(command: Command): Uint8Array {
  const length = cdbLength(command.opcode)!;
  const cdb = new Uint8Array(length);
  cdb.set([command.opcode, command.serviceAction ?? 0]);
  if (command.name.startsWith('modeSense')) cdb[2] = 0x0a;
  if (command.name.startsWith('modeSelect')) cdb[1] = 0x10;
  if (command.name === 'inquiry') cdb[4] = 0xff;
  if (command.opcode === OPCODE.persistentReserveOut) cdb[8] = 24;
  if (command.checksLba) cdb[{ 6: 4, 10: 8, 12: 9, 16: 13 }[length]!] = 1;
  return cdb;
}

/** Byte and bit of all that the usage data leaves out, behind the operation code and the service action. */
function unusedBits({ serviceAction, usage }: Command): (readonly [byte: number, bit: number])[] {
  return [...fromHex(usage)].flatMap((bits, byte) => {
    const named = byte === 1 && serviceAction !== undefined ? bits | 0x1f : bits;
    const unused = byte === 0 ? [] : [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => ((named >>> bit) & 1) === 0);
    return unused.map((bit) => [byte, bit] as const);
  });
}

describe('REPORT SUPPORTED OPERATION CODES', () => {
  it('lists every row of the opcode table, with and without timeouts', async () => {
    const { send } = await channelFixture([memoryUnit(EVERYTHING)]);
    for (const [options, size] of [
      [0x00, 8],
      [0x80, 20],
    ] as const) {
      const data = (await send(reportOpcodesCdb(65536, options))).dataIn!;
      expect(readU32(data, 0)).toBe(data.length - 4);
      const rows = [];
      for (let at = 4; at < data.length; at += size) {
        rows.push({
          opcode: data[at],
          action: data[at + 5]! & 1 ? readU16(data, at + 2) : undefined,
          length: readU16(data, at + 6),
        });
        expect(data[at + 5]! & 2).toBe(options ? 2 : 0);
        if ((data[at + 5]! & 1) === 0) expect(readU16(data, at + 2)).toBe(0);
        if (options) expect(toHex(data.subarray(at + 8, at + 20))).toBe('000a' + '00'.repeat(10));
      }
      expect(rows).toEqual(
        COMMAND_LIST.map((command) => ({
          opcode: command.opcode,
          action: command.serviceAction,
          length: cdbLength(command.opcode),
        })),
      );
    }
  });

  it('gives the usage data of every command', async () => {
    const { send } = await channelFixture([memoryUnit(EVERYTHING)]);
    for (const command of COMMAND_LIST) {
      const withAction = command.serviceAction !== undefined;
      const ask = (options: number) => send(reportOpcodesCdb(512, options, command.opcode, command.serviceAction ?? 0));
      const length = cdbLength(command.opcode)!.toString(16).padStart(4, '0');
      const expected = `0003${length}${command.usage}`;
      expect(toHex((await ask(withAction ? 2 : 1)).dataIn!)).toBe(expected);
      expect(toHex((await ask(3)).dataIn!)).toBe(expected);
      expect((await ask(withAction ? 1 : 2)).verdict).toBe('5/24/00');
      expect(toHex((await ask((withAction ? 2 : 1) | 0x80)).dataIn!)).toBe(
        `0083${length}${command.usage}000a${'00'.repeat(10)}`,
      );
    }
  });

  it('names every bit of a CDB that makes a difference', async () => {
    const answerTo = async (command: Command, cdb: Uint8Array) => {
      const data = new Uint8Array(command.effect === 'write' ? (command.name === 'compareAndWrite' ? 1024 : 512) : 24);
      const { send, units } = await channelFixture([memoryUnit(EVERYTHING)]);
      const { verdict, dataIn, wantedDataOut } = await send(cdb, { data });
      return JSON.stringify([verdict, dataIn && toHex(dataIn), wantedDataOut, units[0]!.calls]);
    };
    for (const command of COMMAND_LIST) {
      // Of a command that destroys everything the reserved bits are looked at, too.
      if (command.name.startsWith('sanitize')) continue;
      const plain = plainCdb(command);
      const answer = await answerTo(command, plain);
      for (const [byte, bit] of unusedBits(command)) {
        const cdb = plain.slice();
        cdb[byte]! ^= 1 << bit;
        expect([command.title, byte, bit, await answerTo(command, cdb)]).toEqual([command.title, byte, bit, answer]);
      }
    }
  }, 60_000);

  it('says of every other operation code that there is none', async () => {
    const { send } = await channelFixture();
    for (let opcode = 0; opcode < 256; opcode++) {
      if (commandsOf(opcode).length > 0) continue;
      for (const options of [1, 2, 3])
        expect(toHex((await send(reportOpcodesCdb(512, options, opcode))).dataIn!)).toBe('00010000');
    }
    expect(toHex((await send(reportOpcodesCdb(512, 2, 0x9e, 0x12))).dataIn!)).toBe('00010000');
    expect(toHex((await send(reportOpcodesCdb(512, 3, 0x28, 1))).dataIn!)).toBe('00010000');
    for (const options of [4, 5, 6, 7])
      expect((await send(reportOpcodesCdb(512, options, 0x28))).verdict).toBe('5/24/00');
  });

  it('is true of the unit that it is asked about', async () => {
    const { send } = await channelFixture([memoryUnit({ kind: 'command-device' })]);
    expect(toHex((await send(reportOpcodesCdb(512, 1, 0x89))).dataIn!)).toBe('00010000');
    expect(toHex((await send(reportOpcodesCdb(512, 1, 0x2a))).dataIn!)).toContain('0003000a2af8');
  });

  it('cuts to the allocation length', async () => {
    const { send } = await channelFixture();
    const whole = (await send(reportOpcodesCdb(65536))).dataIn!;
    for (let length = 0; length < 64; length++)
      expect((await send(reportOpcodesCdb(length))).dataIn).toEqual(whole.subarray(0, length));
  });
});

describe('START STOP UNIT', () => {
  it('finds everything already so, and has no medium to eject', async () => {
    const { send } = await channelFixture();
    for (const byte4 of [0x00, 0x01, 0x04, 0x05])
      expect((await send(Uint8Array.of(0x1b, 1, 0, 0, byte4, 0))).verdict).toBe('good');
    for (let power = 1; power < 16; power++) {
      expect((await send(Uint8Array.of(0x1b, 0, 0, 0, (power << 4) | 0x02, 0))).verdict).toBe('good');
    }
    for (const byte4 of [0x02, 0x03])
      expect((await send(Uint8Array.of(0x1b, 0, 0, 0, byte4, 0))).verdict).toBe('5/24/00');
  });
});

describe('READ DEFECT DATA', () => {
  it('gives empty lists, and repeats which ones were asked for', async () => {
    const { send } = await channelFixture();
    expect(toHex((await send('37 00 00 00000000 0020 00')).dataIn!)).toBe('00000000');
    expect(toHex((await send('37 00 1d 00000000 0020 00')).dataIn!)).toBe('001d0000');
    expect(toHex((await send('b7 1d 00000000 00000020 00 00')).dataIn!)).toBe('001d000000000000');
    expect(toHex((await send('b7 10 00000000 00000003 00 00')).dataIn!)).toBe('001000');
  });
});

describe('READ CAPACITY', () => {
  it('carries the last LBA', async () => {
    const { send } = await channelFixture([memoryUnit({ blockCount: 2 ** 32 + 5, blockSize: 4096 })]);
    expect(toHex((await send('25 00 00000000 0000 00 00')).dataIn!)).toBe('ffffffff00001000');
    const whole = (await send('9e 10 0000000000000000 00000020 00 00')).dataIn!;
    expect(toHex(whole)).toBe('000000010000000400001000' + '00'.repeat(20));
    for (let length = 0; length <= 32; length++) {
      const cdb = fromHex('9e100000000000000000000000000000');
      cdb[13] = length;
      expect((await send(cdb)).dataIn).toEqual(whole.subarray(0, length));
    }
  });
});
