import type { Random } from '../../src/base/random.ts';
import { COMMAND_LIST, lookUpCommand } from '../../src/scsi/opcode-table.ts';
import { pairRequest, type ArrayPair } from '../support/array-pair.ts';
import { anyLun, withArray } from './array-under-test.ts';
import { chance, ensure, oddNumber, pick, type Fuzzer } from './fuzzer.ts';

const LENGTHS: Readonly<Record<number, number>> = { 0: 6, 1: 10, 2: 10, 3: 16, 4: 16, 5: 12 };

const JOURNAL = 20;
/** READ(10) of block 0. */
const READ_HEADER = Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0);

/** A command of the table with small or odd fields, or no command at all. */
function anyCdb(random: Random): Uint8Array {
  const command = pick(random, COMMAND_LIST);
  const opcode = chance(random, 12) ? random.below(256) : command.opcode;
  const cdb = new Uint8Array(chance(random, 30) ? random.below(17) : (LENGTHS[opcode >> 5] ?? 16));
  for (let at = 1; at < cdb.length; at += 1) {
    cdb[at] = chance(random, 3) ? random.below(256) : chance(random, 2) ? 0 : random.below(4);
  }
  // The high bytes of addresses and lengths mostly clear, or nearly everything ends as out of range.
  if (chance(random, 2)) cdb.fill(0, 2, Math.max(2, cdb.length - 4));
  cdb[0] = opcode;
  if (command.serviceAction !== undefined && cdb.length > 1) cdb[1] = (cdb[1]! & 0xe0) | command.serviceAction;
  if (cdb.length > 1 && !chance(random, 10)) cdb[cdb.length - 1] = 0;
  return cdb;
}

/** Parameter lists begin with lengths: right ones, and any other. */
function anyData(random: Random): Uint8Array {
  const data = chance(random, 2)
    ? random.bytes(pick(random, [0, 1, 4, 8, 24, 24, 28, 64]))
    : new Uint8Array(pick(random, [24, 512, 1024, 4096]));
  for (let change = 0; change < random.below(6) && data.length > 0; change += 1) {
    data[random.below(Math.min(40, data.length))] = oddNumber(random, 1);
  }
  if (data.length >= 8 && chance(random, 2)) data.set([0, data.length - 2, 0, data.length - 8], 0);
  return data;
}

function mayWrite(cdb: Uint8Array): boolean {
  const found = lookUpCommand(cdb);
  // EXTENDED COPY reads one unit and writes another; it stands in the table under its own name.
  return (
    typeof found !== 'string' && (found.effect === 'write' || found.name === 'extendedCopy' || found.name === 'unmap')
  );
}

/** Writes may fill the journal: that the pair is suspended for it is no change that only a command block makes. */
function tablesOf(pair: ArrayPair): string {
  return JSON.stringify(pair.tokyo.array().management.show()).replace('"journal-full"', '"none"');
}

export const deviceServer: Fuzzer = {
  name: 'device-server',
  promise:
    'every CDB with any parameter data ends in a well-formed status, never an internal failure, and only a write changes anything',
  async round(random) {
    let executions = 0;
    await withArray(async ({ pair, send, snapshot }) => {
      if (chance(random, 2)) await pair.tokyo.operations.createPair(pairRequest('primary', 'data'));
      // Whoever reads the journal's header first is remembered to have seen this life of the group; the first try meets a unit attention.
      for (let attempt = 0; attempt < 2; attempt += 1) await send(JOURNAL, READ_HEADER);
      const before = await snapshot();
      for (let turn = 0; turn < 150; turn += 1) {
        const cdb = anyCdb(random);
        if (mayWrite(cdb)) continue;
        await send(anyLun(random), cdb, anyData(random));
        executions += 1;
      }
      ensure((await snapshot()) === before, () => 'commands that write nothing changed something');
      const tables = tablesOf(pair);
      for (let turn = 0; turn < 150; turn += 1, executions += 1)
        await send(anyLun(random), anyCdb(random), anyData(random));
      ensure(tablesOf(pair) === tables, () => 'the tables changed without a command block');
    });
    return executions;
  },
};
