import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { COMMAND_LIST, commandsOf, lookUpCommand } from '../../src/scsi/opcode-table.ts';
import { cdbLength } from '../../src/scsi/opcode.ts';

/** Operation codes of a disk that have service actions; the others must be found by byte 0 alone (SPC-4 annex E). */
const WITH_SERVICE_ACTION = new Set([0x48, 0x5e, 0x5f, 0x83, 0x84, 0x9e, 0xa3, 0xa4]);

/** SPC-4 annex E, SBC-3 annex: names as the standards write them; by operation code and, where there is one, service action. */
const TITLES: Readonly<Record<string, string>> = {
  '00': 'TEST UNIT READY',
  '03': 'REQUEST SENSE',
  '08': 'READ(6)',
  '0a': 'WRITE(6)',
  '12': 'INQUIRY',
  '15': 'MODE SELECT(6)',
  '16': 'RESERVE(6)',
  '17': 'RELEASE(6)',
  '1a': 'MODE SENSE(6)',
  '1b': 'START STOP UNIT',
  '1e': 'PREVENT ALLOW MEDIUM REMOVAL',
  '25': 'READ CAPACITY(10)',
  '28': 'READ(10)',
  '2a': 'WRITE(10)',
  '2e': 'WRITE AND VERIFY(10)',
  '2f': 'VERIFY(10)',
  '34': 'PRE-FETCH(10)',
  '35': 'SYNCHRONIZE CACHE(10)',
  '37': 'READ DEFECT DATA(10)',
  '41': 'WRITE SAME(10)',
  '42': 'UNMAP',
  '48/1': 'SANITIZE, OVERWRITE',
  '48/2': 'SANITIZE, BLOCK ERASE',
  '48/3': 'SANITIZE, CRYPTO ERASE',
  '48/1f': 'SANITIZE, EXIT FAILURE MODE',
  '55': 'MODE SELECT(10)',
  '5a': 'MODE SENSE(10)',
  '5e/0': 'PERSISTENT RESERVE IN, READ KEYS',
  '5e/1': 'PERSISTENT RESERVE IN, READ RESERVATION',
  '5e/2': 'PERSISTENT RESERVE IN, REPORT CAPABILITIES',
  '5e/3': 'PERSISTENT RESERVE IN, READ FULL STATUS',
  '5f/0': 'PERSISTENT RESERVE OUT, REGISTER',
  '5f/1': 'PERSISTENT RESERVE OUT, RESERVE',
  '5f/2': 'PERSISTENT RESERVE OUT, RELEASE',
  '5f/3': 'PERSISTENT RESERVE OUT, CLEAR',
  '5f/4': 'PERSISTENT RESERVE OUT, PREEMPT',
  '5f/5': 'PERSISTENT RESERVE OUT, PREEMPT AND ABORT',
  '5f/6': 'PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY',
  '5f/7': 'PERSISTENT RESERVE OUT, REGISTER AND MOVE',
  '83/0': 'EXTENDED COPY(LID1)',
  '84/0': 'RECEIVE COPY STATUS(LID1)',
  '84/3': 'RECEIVE COPY OPERATING PARAMETERS',
  '88': 'READ(16)',
  '89': 'COMPARE AND WRITE',
  '8a': 'WRITE(16)',
  '8b': 'ORWRITE(16)',
  '8e': 'WRITE AND VERIFY(16)',
  '8f': 'VERIFY(16)',
  '90': 'PRE-FETCH(16)',
  '91': 'SYNCHRONIZE CACHE(16)',
  '93': 'WRITE SAME(16)',
  '9c': 'WRITE ATOMIC(16)',
  '9e/10': 'READ CAPACITY(16)',
  '9e/12': 'GET LBA STATUS',
  a0: 'REPORT LUNS',
  'a3/c': 'REPORT SUPPORTED OPERATION CODES',
  a8: 'READ(12)',
  aa: 'WRITE(12)',
  ae: 'WRITE AND VERIFY(12)',
  af: 'VERIFY(12)',
  b7: 'READ DEFECT DATA(12)',
};

describe('opcode table', () => {
  it('calls commands what the standards call them', () => {
    const titles = COMMAND_LIST.map(({ opcode, serviceAction, title }) => {
      const action = serviceAction === undefined ? '' : `/${serviceAction.toString(16)}`;
      return [opcode.toString(16).padStart(2, '0') + action, title];
    });
    expect(Object.fromEntries(titles)).toEqual(TITLES);
  });

  it('finds every operation code, and nothing for the others', () => {
    for (let opcode = 0; opcode < 256; opcode++) {
      const listed = COMMAND_LIST.filter((command) => command.opcode === opcode);
      expect(commandsOf(opcode)).toEqual(listed);
      if (listed.length === 0) expect(lookUpCommand(Uint8Array.of(opcode))).toBe('unknown-opcode');
    }
    expect(lookUpCommand(new Uint8Array(0))).toBe('unknown-opcode');
  });

  it('tells service actions apart', () => {
    for (let action = 0; action < 32; action++) {
      const found = lookUpCommand(Uint8Array.of(0x9e, 0xe0 | action));
      const name = typeof found === 'string' ? found : found.name;
      const known: Readonly<Record<number, string>> = { 0x10: 'readCapacity16', 0x12: 'getLbaStatus' };
      expect(name).toBe(known[action] ?? 'unknown-service-action');
    }
  });

  it.each(COMMAND_LIST.map((command) => [command.title, command] as const))(
    '%s is described without contradiction',
    (_title, command) => {
      const usage = fromHex(command.usage);
      expect(usage.length).toBe(cdbLength(command.opcode));
      expect(usage[0]).toBe(command.opcode);
      expect(usage.at(-1)).toBe(0x04);
      expect(command.serviceAction !== undefined).toBe(WITH_SERVICE_ACTION.has(command.opcode));
      // The ranges of two are checked by their handlers: one has many, the other no length. SANITIZE has none.
      const checksItself = ['unmap', 'getLbaStatus'].includes(command.name) || command.title.startsWith('SANITIZE');
      if (command.effect !== 'neutral') expect(command.needsMedium && (command.checksLba || checksItself)).toBe(true);
      if (command.effect !== 'neutral') expect(command.reservedAs).toBe(command.effect);
      if (command.atomic) expect(['exclusive', 'atomic-write']).toContain(command.demands);
    },
  );

  /** MODE SENSE says DPOFUA: DPO and FUA count in READ and WRITE, DPO alone in the VERIFY forms (SBC-3). */
  it('evaluates DPO and FUA where DPOFUA promises it', () => {
    for (const command of COMMAND_LIST) {
      const flags = fromHex(command.usage)[1]! & 0x18;
      if (/^(READ|WRITE)\((10|12|16)\)$/.test(command.title)) expect(flags, `flags of ${command.title}`).toBe(0x18);
      if (/VERIFY/.test(command.title)) expect(flags, `flags of ${command.title}`).toBe(0x10);
    }
  });
});
