import { describe, expect, it } from 'vitest';
import { CommandError } from '../../src/host/command-error.ts';
import type { VolumeRow } from '../../src/host/operations.ts';
import { createGroup, deleteGroup } from '../../src/replication/change.ts';
import { observeGroup } from '../../src/replication/observe.ts';
import { verdictOf } from '../../src/replication/verdict.ts';
import { createLab, ORADB, refusal, rejection, type Lab } from './support/lab.ts';

function row(lun: number, fields: Partial<VolumeRow> = {}): VolumeRow {
  return {
    lun,
    kind: 'volume',
    role: 'simplex',
    access: 'read-write',
    blockSize: 512,
    blockCount: 8192,
    name: `lun-${lun}`,
    group: '',
    pair: '',
    targetSerial: '',
    targetLun: 0,
    allocatedBytes: 0,
    ...fields,
  };
}

const SOUND = [row(10), row(11), row(20, { kind: 'journal' })];

/** A lab whose arrays list these volumes. */
function labWith(tokyo: readonly VolumeRow[], osaka: readonly VolumeRow[]): Lab {
  const lab = createLab();
  const arrays = new Map(
    [...lab.context.arrays].map(([name, operations]) => [
      name,
      { ...operations, listVolumes: async () => (name === 'tokyo' ? tokyo : osaka) },
    ]),
  );
  return { ...lab, context: { ...lab.context, arrays } };
}

const changing = (lab: Lab): readonly string[] => lab.calls.filter((call) => /createPair|deletePair/.test(call));

describe('a pair that an array would refuse', () => {
  it.each([
    ['no such volume', SOUND, SOUND.slice(1), /osaka has no LUN 10 \(not-found\)/],
    [
      'no volume',
      SOUND,
      [row(10, { kind: 'virtual' }), ...SOUND.slice(1)],
      /LUN 10 of osaka is a virtual, not a volume/,
    ],
    ['paired already', [row(10, { group: 'g9', pair: 'p' }), ...SOUND.slice(1)], SOUND, /is in pair p of group g9/],
    ['no journal', SOUND, [row(10), row(11), row(20)], /LUN 20 of osaka is a volume, not a journal/],
    [
      'a journal in use',
      SOUND,
      [row(10), row(11), row(20, { kind: 'journal', group: 'g9' })],
      /serves group g9 \(in-use\)/,
    ],
    [
      'another size',
      SOUND,
      [row(10, { blockCount: 8191 }), ...SOUND.slice(1)],
      /4194304 bytes at tokyo, 4193792 bytes at osaka/,
    ],
    [
      'another journal size',
      SOUND,
      [row(10), row(11), row(20, { kind: 'journal', blockCount: 1 })],
      /the journals differ/,
    ],
    ['the second of two', SOUND, [row(10), row(20, { kind: 'journal' })], /osaka has no LUN 11/],
  ] as const)('is refused before anything is sent: %s', async (_, tokyo, osaka, why) => {
    const lab = labWith(tokyo, osaka);
    const error = await refusal(createGroup(lab.context, ORADB, { primary: 'tokyo' }));
    expect(error.kind).toBe('would-be-refused');
    expect(error.why).toMatch(why);
    expect(changing(lab)).toEqual([]);
  });

  it('is formed where everything fits, also with other block sizes', async () => {
    const lab = labWith(SOUND, [row(10, { blockSize: 4096, blockCount: 1024 }), ...SOUND.slice(1)]);
    expect((await createGroup(lab.context, ORADB, { primary: 'tokyo' })).changed).toBe(true);
  });
});

describe('a copy of nothing over something', () => {
  const full = [row(10, { allocatedBytes: 65_536 }), ...SOUND.slice(1)];
  const no = async (): Promise<void> => Promise.reject(new Error('not meant so'));

  it('is asked about before anything is sent', async () => {
    const lab = labWith(SOUND, full);
    const asked: (readonly string[])[] = [];
    const confirmEmptying = (emptied: readonly string[]): Promise<void> => (asked.push(emptied), no());
    await expect(createGroup(lab.context, ORADB, { primary: 'tokyo', confirmEmptying })).rejects.toThrow(
      'not meant so',
    );
    expect(asked).toEqual([
      ['data: LUN 10 of osaka holds 65536 bytes, and LUN 10 of tokyo, which would be copied over it, holds nothing'],
    ]);
    expect(changing(lab)).toEqual([]);
  });

  it('is told by a dry run, which asks nobody', async () => {
    const lab = labWith(SOUND, full);
    const { notes } = await createGroup(lab.context, ORADB, { primary: 'tokyo', confirmEmptying: no, dryRun: true });
    expect(notes).toEqual([expect.stringMatching(/^data: LUN 10 of osaka holds/)]);
  });

  it.each([
    ['both hold something', full, full, {}],
    ['only the source does', full, SOUND, {}],
    ['neither does', SOUND, SOUND, {}],
    ['nothing is copied', SOUND, full, { noCopy: true }],
  ] as const)('is no matter where %s', async (_, tokyo, osaka, how) => {
    const lab = labWith(tokyo, osaka);
    const options = { primary: 'tokyo', confirmEmptying: no, ...how };
    expect((await createGroup(lab.context, ORADB, options)).changed).toBe(true);
  });
});

describe('a pair that the far array refuses after the near one formed it', () => {
  /** A lab whose osaka answers every pair formation with that error. */
  function labRefusing(error: CommandError): Lab {
    const lab = createLab();
    const osaka = lab.context.arrays.get('osaka')!;
    const arrays = new Map(lab.context.arrays).set('osaka', { ...osaka, createPair: () => Promise.reject(error) });
    return { ...lab, context: { ...lab.context, arrays } };
  }

  it('is taken back, and the refusal is what the caller gets', async () => {
    const cause = new CommandError('refused', 'osaka', 'array tokyo does not answer', { status: 'peer-unreachable' });
    const lab = labRefusing(cause);
    expect(await rejection(createGroup(lab.context, ORADB, { primary: 'tokyo' }))).toBe(cause);
    expect(changing(lab)).toEqual(['tokyo createPair', 'tokyo deletePair']);
    expect(verdictOf(await observeGroup(lab.context, ORADB)).kind).toBe('absent');
  });

  it('stays where it is not known whether the far array formed it', async () => {
    const lab = labRefusing(new CommandError('outcome-unknown', 'osaka', 'lost'));
    await rejection(createGroup(lab.context, ORADB, { primary: 'tokyo' }));
    expect(changing(lab)).toEqual(['tokyo createPair']);
  });

  it('stays where somebody else has formed it there meanwhile', async () => {
    const lab = createLab();
    const osaka = lab.context.arrays.get('osaka')!;
    const cause = new CommandError('refused', 'osaka', 'it exists with another role', { status: 'in-use' });
    const createPair: typeof osaka.createPair = async (...request) => {
      await osaka.createPair(...request);
      throw cause;
    };
    const arrays = new Map(lab.context.arrays).set('osaka', { ...osaka, createPair });
    const run = createGroup({ ...lab.context, arrays }, ORADB, { primary: 'tokyo' });
    expect(await rejection(run)).toBe(cause);
    expect(changing(lab)).toEqual(['tokyo createPair', 'osaka createPair']);
    expect(lab.tokyo.group?.pairs.map(({ pair }) => pair)).toEqual(['data']);
  });
});

describe('a pair that was dissolved at the primary only', () => {
  it('is not formed there anew before its other half is dissolved, too: that would never follow the new one', async () => {
    const lab = createLab();
    await createGroup(lab.context, ORADB, { primary: 'tokyo' });
    await lab.context.arrays.get('tokyo')!.deletePair('oradb', 'log');
    lab.calls.length = 0;
    const error = await refusal(createGroup(lab.context, ORADB, { primary: 'tokyo' }));
    expect(error).toMatchObject({ kind: 'state-does-not-hold', why: expect.stringContaining('oradb/log') });
    expect(error.next).toContain('cdctl pair delete oradb/log');
    expect(changing(lab)).toEqual([]);
    await deleteGroup(lab.context, ORADB, { pair: 'log' });
    expect((await createGroup(lab.context, ORADB, { primary: 'tokyo' })).plan.map(({ id }) => id)).toEqual([
      'S1101',
      'S1102',
    ]);
  });
});
