import { describe, expect, it } from 'vitest';
import { PROCESSES, type ProcessName } from '../../src/interface-block/process-table.ts';
import { decodeRequest, encodeMessage } from '../../src/interface-block/message.ts';
import { operationsOf, type ArrayOperations } from '../../src/host/operations.ts';
import { GROUP_CHANGE } from '../support/command-array.ts';
import { hostBench } from './bench.ts';

const ID = '0123456789abcdef';
const LIFE = { life: '0b0b0b0b0b0b0b0b', changes: 12 } as const;
const LINEAGE = [{ generation: ID, startSequence: 4 }];
const PAIR = {
  group: 'oradb',
  pair: 'data',
  role: 'primary',
  noCopy: true,
  primaryLun: 1,
  auxiliaryLun: 2,
  primaryJournalLun: 3,
  auxiliaryJournalLun: 4,
  primarySerial: 'TOKYO',
  auxiliarySerial: 'OSAKA',
} as const;

const cases: [ProcessName, (operations: ArrayOperations) => Promise<unknown>, header: unknown, rows?: unknown[]][] = [
  ['array.show', (operations) => operations.showArray(), {}],
  ['volume.list', (operations) => operations.listVolumes(), {}],
  ['command-device.list', (operations) => operations.listCommandDevices(), {}],
  ['request.query', (operations) => operations.queryRequest('ab'.repeat(16)), { requestId: 'ab'.repeat(16) }],
  ['pair.create', (operations) => operations.createPair(PAIR), PAIR],
  ['pair.show', (operations) => operations.showPairs(), { group: '' }],
  ['pair.show', (operations) => operations.showPairs('oradb'), { group: 'oradb' }],
  ['pair.split', (operations) => operations.splitGroup('oradb'), { group: 'oradb' }],
  [
    'pair.resync',
    (operations) =>
      operations.resyncGroup({ group: 'oradb', role: 'auxiliary', discard: true, generation: ID, lineage: LINEAGE }),
    { group: 'oradb', role: 'auxiliary', discard: true, generation: ID },
    LINEAGE,
  ],
  ['pair.delete', (operations) => operations.deletePair('oradb'), { group: 'oradb', pair: '' }],
  ['pair.delete', (operations) => operations.deletePair('oradb', 'data'), { group: 'oradb', pair: 'data' }],
  [
    'pair.swap',
    (operations) => operations.swapGroup({ group: 'oradb', role: 'primary', generation: ID, sequence: 5 }),
    { group: 'oradb', role: 'primary', generation: ID, sequence: 5 },
  ],
  [
    'pair.takeover',
    (operations) => operations.takeOver({ group: 'oradb', acceptInconsistent: true, giveUpDamaged: true }),
    { group: 'oradb', acceptInconsistent: true, giveUpDamaged: true },
  ],
  ['pair.fence', (operations) => operations.fence({ group: 'oradb', leaseMs: 500 }), { group: 'oradb', leaseMs: 500 }],
  ['journal.show', (operations) => operations.showJournal('oradb'), { group: 'oradb' }],
  [
    'journal.acquire',
    (operations) => operations.acquire({ group: 'oradb', toSequence: 9 }),
    { group: 'oradb', toSequence: 9 },
  ],
  [
    'journal.restore',
    (operations) => operations.restore({ group: 'oradb', toSequence: 9 }),
    { group: 'oradb', toSequence: 9 },
  ],
  [
    'journal.purge',
    (operations) =>
      operations.purge({
        group: 'oradb',
        toSequence: 9,
        generation: ID,
        proof: 7,
        copiedPairs: '0000000000000003',
        ...LIFE,
      }),
    { group: 'oradb', toSequence: 9, generation: ID, proof: 7, copiedPairs: '0000000000000003', ...LIFE },
  ],
];

/** A reply of zeros with one row where the process has rows. */
function zeroReply(process: ProcessName): Uint8Array {
  const { header, row } = PROCESSES[process].reply;
  return new Uint8Array(header.size + (row?.size ?? 0));
}

describe('operations', () => {
  it.each(cases)('%s sends its request and gives back the reply', async (process, operate, header, rows = []) => {
    const bench = hostBench({ decide: () => ({ status: 0, editedData: zeroReply(process) }) });
    const result = await bench.clock.run(operate(operationsOf(bench.client())));
    const executed = bench.array.executed[0]!;
    expect(executed.process).toBe(PROCESSES[process].number);
    expect(decodeRequest(process, executed.input)).toEqual({ ok: true, value: { header, rows } });
    const shape = PROCESSES[process].reply;
    if (shape.header.size === 0) expect(result).toHaveLength(1);
    else
      expect(Object.keys(result as object)).toEqual(
        expect.arrayContaining(shape.header.fields.map((field) => field.name)),
      );
  });

  it('cover every process number', () => {
    expect(new Set(cases.map(([process]) => process))).toEqual(new Set(Object.keys(PROCESSES)));
  });

  it('show the lineage with the journal', async () => {
    const bench = hostBench({
      decide: () => {
        const empty = zeroReply('journal.show');
        const row = encodeMessage(
          { header: PROCESSES['journal.show'].reply.row!, row: undefined },
          { header: LINEAGE[0]!, rows: [] },
        );
        empty.set(row, empty.length - row.length);
        return { status: 0, editedData: empty };
      },
    });
    expect(await bench.clock.run(operationsOf(bench.client()).showJournal('oradb'))).toMatchObject({
      lineage: LINEAGE,
      role: 'simplex',
    });
  });

  it('know their array, and pass call options on', async () => {
    const bench = hostBench();
    const operations = operationsOf(bench.client());
    expect([operations.array, operations.serial]).toEqual(['tokyo', 'TOKYO']);
    const requestId = 'cd'.repeat(16);
    expect(await bench.clock.run(operations.splitGroup('oradb', { requestId }))).toEqual(GROUP_CHANGE);
    expect(bench.array.effects).toEqual([requestId]);
  });
});
