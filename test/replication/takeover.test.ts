import { describe, expect, it } from 'vitest';
import { createGroup, splitGroup } from '../../src/replication/change.ts';
import { planResync } from '../../src/replication/plan-resync.ts';
import { planTakeover } from '../../src/replication/plan-takeover.ts';
import { runCycle } from '../../src/replication/cycle.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { observeGroup, type GroupObservation } from '../../src/replication/observe.ts';
import { resyncGroup } from '../../src/replication/resync.ts';
import { takeOver } from '../../src/replication/takeover.ts';
import { verdictOf } from '../../src/replication/verdict.ts';
import { createLab, ORADB, refusal, rejection, writable, writeMany, type Lab } from './support/lab.ts';
import { absent, observation, side, unreachable } from './support/sides.ts';

async function following(): Promise<Lab> {
  const lab = createLab();
  await createGroup(lab.context, ORADB, { primary: 'tokyo' });
  writeMany(lab.tokyo, 'w', 5);
  await drainGroup(lab.context, ORADB);
  lab.calls.length = 0;
  return lab;
}

/** Three writes acquired but not yet restored, two more that osaka never got, then tokyo is gone. */
async function tokyoLost(): Promise<Lab> {
  const lab = await following();
  writeMany(lab.tokyo, 'x', 3);
  lab.onCall = (call) => {
    if (call === 'osaka restore') lab.osaka.reachable = false;
  };
  await rejection(runCycle(lab.context, ORADB));
  lab.onCall = undefined;
  lab.osaka.reachable = true;
  writeMany(lab.tokyo, 'y', 2);
  lab.tokyo.reachable = false;
  lab.osaka.linked = false;
  return lab;
}

const kindOf = async (lab: Lab): Promise<string> => verdictOf(await observeGroup(lab.context, ORADB)).kind;

describe('takeover', () => {
  it('restores everything that was acquired, then takes over, and reports what may be missing', async () => {
    const lab = await tokyoLost();
    const result = await takeOver(lab.context, ORADB, { at: 'osaka' });
    expect(result).toMatchObject({
      changed: true,
      primary: 'osaka',
      loss: { restoredSequence: 8, knownMissingWrites: 0 },
    });
    expect(result.loss?.unknownAfterMs).toBeGreaterThan(0);
    expect(lab.osaka.volume).toEqual(['w1', 'w2', 'w3', 'w4', 'w5', 'x1', 'x2', 'x3']);
    expect(await kindOf(lab)).toBe('taken-over');
  });

  it('counts the writes that it knows to be missing', async () => {
    const lab = await tokyoLost();
    lab.osaka.group!.peerSeen = 10;
    const { loss } = await takeOver(lab.context, ORADB, { at: 'osaka' });
    expect(loss).toMatchObject({ knownMissingWrites: 2 });
    expect(loss?.explanation).toContain('2 writes are known to be missing');
  });

  it('changes nothing the second time', async () => {
    const lab = await tokyoLost();
    await takeOver(lab.context, ORADB, { at: 'osaka' });
    expect(await takeOver(lab.context, ORADB, { at: 'osaka' })).toMatchObject({ changed: false, plan: [] });
  });

  it('is refused while the peer answers, with the swap as the way', async () => {
    const lab = await following();
    const error = await refusal(takeOver(lab.context, ORADB, { at: 'osaka' }));
    expect(error.kind).toBe('refused-for-safety');
    expect(error.next).toContain('swap oradb --to osaka');
    expect(writable(lab)).toEqual(['tokyo']);
  });

  it('acquires what the peer array still gives where its site is given up', async () => {
    const lab = await following();
    writeMany(lab.tokyo, 'x', 4);
    const { loss } = await takeOver(lab.context, ORADB, { at: 'osaka', peerIsLost: true });
    expect(loss).toMatchObject({ restoredSequence: 9, knownMissingWrites: 0 });
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
  });

  it('gives up waiting for journal that does not come', async () => {
    const lab = await following();
    writeMany(lab.tokyo, 'x', 4);
    lab.osaka.linked = false;
    const { loss } = await takeOver(lab.context, ORADB, { at: 'osaka', peerIsLost: true });
    expect(loss).toMatchObject({ restoredSequence: 5, knownMissingWrites: 4 });
  });

  it('refuses volumes whose copy had not ended, unless that is accepted', async () => {
    const lab = createLab();
    lab.osaka.copyTurns = 1_000;
    await createGroup(lab.context, ORADB, { primary: 'tokyo' });
    lab.tokyo.reachable = false;
    expect(await refusal(takeOver(lab.context, ORADB, { at: 'osaka' }))).toMatchObject({ kind: 'refused-for-safety' });
    expect(await takeOver(lab.context, ORADB, { at: 'osaka', acceptInconsistent: true })).toMatchObject({
      changed: true,
    });
    lab.tokyo.reachable = true;
    expect(await kindOf(lab)).toBe('diverged');
    for (const from of ['osaka', 'tokyo'])
      expect(await refusal(resyncGroup(lab.context, ORADB, { from }))).toMatchObject({ kind: 'refused-for-safety' });
  });

  it('plans without changing anything and says what would be missing', async () => {
    const lab = await tokyoLost();
    const { plan, loss, changed } = await takeOver(lab.context, ORADB, { at: 'osaka', dryRun: true });
    expect(changed).toBe(false);
    expect(plan.map((step) => step.id)).toEqual(['S1605', 'S1609', 'S1902', 'takeover']);
    expect(loss).toMatchObject({ restoredSequence: 8, knownMissingWrites: 0 });
    expect(lab.osaka.group?.role).toBe('auxiliary');
  });

  it('gets there when it is interrupted at any operation and run again', async () => {
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; at <= 20; at += 1) {
        const lab = await tokyoLost();
        lab.interruption = { at, when };
        await takeOver(lab.context, ORADB, { at: 'osaka' }).catch(() => undefined);
        lab.interruption = undefined;
        await takeOver(lab.context, ORADB, { at: 'osaka' });
        expect(lab.osaka.volume).toHaveLength(8);
        expect(lab.osaka.group?.role).toBe('primary');
      }
    }
  });
});

describe('the way back after a takeover', () => {
  async function split(): Promise<Lab> {
    const lab = await tokyoLost();
    await takeOver(lab.context, ORADB, { at: 'osaka' });
    writeMany(lab.osaka, 'z', 2);
    lab.tokyo.reachable = true;
    lab.osaka.linked = true;
    return lab;
  }

  it('is refused as split brain while the old primary holds writes of its own, and says how many', async () => {
    const lab = await split();
    const verdict = verdictOf(await observeGroup(lab.context, ORADB));
    expect(verdict.kind).toBe('diverged');
    expect(verdict.divergence?.map(({ array, journalRecords }) => [array, journalRecords])).toEqual([
      ['tokyo', 2],
      ['osaka', 0],
    ]);
    for (const intent of [{}, { from: 'osaka' }, { from: 'tokyo' }]) {
      expect(await refusal(resyncGroup(lab.context, ORADB, intent))).toMatchObject({ kind: 'refused-for-safety' });
    }
    expect(await refusal(resyncGroup(lab.context, ORADB, { from: 'osaka', discard: 'osaka' }))).toMatchObject({
      kind: 'bad-request',
    });
  });

  it('gives up the side that is named, and only that one', async () => {
    for (const [discard, kept] of [
      ['tokyo', 'osaka'],
      ['osaka', 'tokyo'],
    ] as const) {
      const lab = await split();
      const expected = [...lab[kept].volume];
      const result = await resyncGroup(lab.context, ORADB, { discard });
      expect(result.plan.map((step) => `${step.id} ${step.array}`)).toEqual([
        `resync-auxiliary ${discard}`,
        `resync-primary ${kept}`,
      ]);
      await drainGroup(lab.context, ORADB);
      expect(lab[discard].volume).toEqual(expected);
      expect(lab[kept].volume).toEqual(expected);
      expect(verdictOf(await observeGroup(lab.context, ORADB))).toMatchObject({ kind: 'replicating', primary: kept });
    }
  });

  it('needs no decision where the old primary holds nothing of its own', async () => {
    const lab = await following();
    lab.tokyo.reachable = false;
    await takeOver(lab.context, ORADB, { at: 'osaka' });
    writeMany(lab.osaka, 'z', 2);
    lab.tokyo.reachable = true;
    expect(verdictOf(await observeGroup(lab.context, ORADB))).toMatchObject({ kind: 'taken-over', primary: 'osaka' });
    await resyncGroup(lab.context, ORADB);
    await drainGroup(lab.context, ORADB);
    expect(lab.tokyo.volume).toEqual(lab.osaka.volume);
    expect(writable(lab)).toEqual(['osaka']);
  });

  it('is refused while the old primary has a pair that the new one never formed, also where its writes are given up', () => {
    const old = side('tokyo', { role: 'primary' });
    const log = { ...old.pairs[0]!, pair: 'log', slot: 1 };
    const lineage = [...old.journal.lineage, { generation: '2'.repeat(16), startSequence: 5 }];
    const next = side('osaka', { role: 'primary', state: 'suspended', suspendReason: 'takeover', lineage });
    const planOf = (before: GroupObservation, discard: boolean): unknown =>
      planResync(ORADB, before, discard ? { discard: 'tokyo' } : {});
    for (const discard of [false, true]) {
      expect(planOf(observation(old, next), discard)).toMatchObject({ refused: false });
      expect(planOf(observation({ ...old, pairs: [...old.pairs, log] }, next), discard)).toMatchObject({
        refused: true,
        refusal: { kind: 'state-does-not-hold', next: expect.stringContaining('pair delete oradb/log') as string },
      });
      // What only the new primary has is copied once the old one has it too.
      expect(planOf(observation(old, { ...next, pairs: [...next.pairs, log] }), discard)).toMatchObject({
        refused: false,
      });
    }
  });

  it('gets there when it is interrupted at any operation and run again', async () => {
    for (const when of ['before', 'after'] as const) {
      for (let at = 1; at <= 16; at += 1) {
        const lab = await split();
        const expected = [...lab.osaka.volume];
        lab.interruption = { at, when };
        await resyncGroup(lab.context, ORADB, { from: 'osaka', discard: 'tokyo' }).catch(() => undefined);
        lab.interruption = undefined;
        await resyncGroup(lab.context, ORADB, { from: 'osaka', discard: 'tokyo' });
        await drainGroup(lab.context, ORADB);
        expect(lab.tokyo.volume).toEqual(expected);
        expect(writable(lab)).toEqual(['osaka']);
      }
    }
  });
});

describe('split and resync', () => {
  it('splits the primary first, is already so the second time, and resumes with the differences', async () => {
    const lab = await following();
    const result = await splitGroup(lab.context, ORADB);
    expect(result.plan.map((step) => `${step.id} ${step.array}`)).toEqual([
      'split-primary tokyo',
      'split-auxiliary osaka',
    ]);
    expect(await splitGroup(lab.context, ORADB)).toMatchObject({ changed: false });
    writeMany(lab.tokyo, 's', 3);
    expect(verdictOf(await observeGroup(lab.context, ORADB))).toMatchObject({ kind: 'suspended', primary: 'tokyo' });
    expect(await resyncGroup(lab.context, ORADB)).toMatchObject({ changed: true });
    await drainGroup(lab.context, ORADB);
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
    expect(await resyncGroup(lab.context, ORADB)).toMatchObject({ changed: false });
  });

  it('splits the primary alone where the auxiliary does not answer, and says so', async () => {
    const lab = await following();
    lab.osaka.reachable = false;
    const result = await splitGroup(lab.context, ORADB);
    expect(result.notes).toEqual(['osaka does not answer and is left as it is']);
    expect(lab.tokyo.group?.reason).toBe('split');
  });

  it('does not split the auxiliary before a primary that does not answer', async () => {
    const lab = await following();
    lab.tokyo.reachable = false;
    expect(await refusal(splitGroup(lab.context, ORADB))).toMatchObject({ kind: 'array-unreachable' });
  });

  it('tells the auxiliary again where a write began a generation between the observation and the resume', async () => {
    const lab = await following();
    await splitGroup(lab.context, ORADB);
    lab.onCall = (call) => {
      if (call === 'tokyo resyncGroup') lab.tokyo.write('in between');
    };
    await resyncGroup(lab.context, ORADB);
    lab.onCall = undefined;
    await drainGroup(lab.context, ORADB);
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
  });

  it('goes on after it stopped between telling the auxiliary and a write at the primary', async () => {
    const lab = await following();
    await splitGroup(lab.context, ORADB);
    lab.onCall = (call) => {
      if (call === 'tokyo resyncGroup') lab.tokyo.write('in between');
    };
    lab.interruption = { at: 8, when: 'after' };
    await rejection(resyncGroup(lab.context, ORADB));
    lab.interruption = undefined;
    lab.onCall = undefined;
    await resyncGroup(lab.context, ORADB);
    await drainGroup(lab.context, ORADB);
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
  });

  it('takes the data of the auxiliary only over the discarded primary, through a takeover', async () => {
    const lab = await following();
    await splitGroup(lab.context, ORADB);
    writeMany(lab.tokyo, 'bad', 3);
    expect(await refusal(resyncGroup(lab.context, ORADB, { from: 'osaka' }))).toMatchObject({
      kind: 'refused-for-safety',
    });
    expect(lab.osaka.group?.role).toBe('auxiliary');
    const result = await resyncGroup(lab.context, ORADB, { from: 'osaka', discard: 'tokyo' });
    expect(result.plan.map((step) => step.id)).toEqual(['takeover', 'resync-auxiliary', 'resync-primary']);
    await drainGroup(lab.context, ORADB);
    expect(lab.tokyo.volume).toEqual(['w1', 'w2', 'w3', 'w4', 'w5']);
    expect(writable(lab)).toEqual(['osaka']);
  });

  it('never takes a half-copied auxiliary as the source', async () => {
    const lab = createLab();
    lab.osaka.copyTurns = 1_000;
    await createGroup(lab.context, ORADB, { primary: 'tokyo' });
    await splitGroup(lab.context, ORADB);
    const error = await refusal(resyncGroup(lab.context, ORADB, { from: 'osaka', discard: 'tokyo' }));
    expect(error.why).toContain('not consistent');
  });
});

describe('takeover from an array that answers, but not to this host', () => {
  const denied = { ...unreachable('tokyo'), denied: true };
  const seen = observation(denied, side('osaka', { role: 'auxiliary' }));

  it('is refused: its own hosts may be writing', () => {
    const plan = planTakeover(ORADB, seen, { at: 'osaka' });
    expect(plan).toMatchObject({ refused: true, refusal: { kind: 'refused-for-safety' } });
    expect(
      planTakeover(ORADB, observation(unreachable('tokyo'), side('osaka', { role: 'auxiliary' })), { at: 'osaka' }),
    ).toMatchObject({
      refused: false,
    });
  });

  it('goes on where its site is given up', () => {
    expect(planTakeover(ORADB, seen, { at: 'osaka', peerIsLost: true })).toMatchObject({ refused: false });
  });
});

it('at an array that has no such group says that, and not that the lost one does not answer', () => {
  const plan = planTakeover(ORADB, observation(unreachable('tokyo'), absent('osaka')), { at: 'osaka' });
  expect(plan).toMatchObject({
    refused: true,
    refusal: { kind: 'state-does-not-hold', why: expect.stringContaining('osaka has no such group') },
  });
});
