import { describe, expect, it } from 'vitest';
import { createGroup, deleteGroup, splitGroup } from '../../src/replication/change.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { acquireJournal, purgeJournal, restoreJournal } from '../../src/replication/journal.ts';
import { observeGroup } from '../../src/replication/observe.ts';
import { conditionState, waitForGroup, type WaitCondition } from '../../src/replication/wait.ts';
import { createLab, ORADB, refusal, writeMany, type Lab } from './support/lab.ts';

async function following(options: Parameters<typeof createLab>[0] = {}): Promise<Lab> {
  const lab = createLab(options);
  await createGroup(lab.context, ORADB, { primary: 'tokyo' });
  await drainGroup(lab.context, ORADB);
  writeMany(lab.tokyo, 'w', 5);
  lab.calls.length = 0;
  return lab;
}

describe('waiting', () => {
  it('ends at once where the condition holds', async () => {
    const lab = await following();
    expect(await waitForGroup(lab.context, ORADB, { until: 'pair' })).toMatchObject({
      waitedMs: 0,
      verdict: { kind: 'replicating' },
    });
  });

  it('ends early where it can no longer come', async () => {
    const lab = await following();
    await splitGroup(lab.context, ORADB);
    for (const condition of [
      { until: 'pair' },
      { until: 'empty' },
      { until: 'restored', sequence: 5 },
    ] as WaitCondition[]) {
      const error = await refusal(waitForGroup(lab.context, ORADB, condition));
      expect(error.kind).toBe('state-does-not-hold');
      expect(error.next).toContain('resync');
    }
    expect(await waitForGroup(lab.context, ORADB, { until: 'suspended' })).toMatchObject({
      verdict: { kind: 'suspended' },
    });
    await deleteGroup(lab.context, ORADB);
    expect(await refusal(waitForGroup(lab.context, ORADB, { until: 'pair' }))).toMatchObject({
      kind: 'state-does-not-hold',
    });
  });

  it('waits for what somebody else brings about', async () => {
    const lab = await following();
    let looked = 0;
    lab.onCall = (call) => {
      if (call !== 'osaka showPairs') return;
      looked += 1;
      if (looked === 5)
        Object.assign(lab.osaka.group!, {
          read: 5,
          toBeRead: 5,
          records: lab.tokyo.group!.records.slice(),
          toBeRestored: 5,
        });
    };
    const result = await waitForGroup(lab.context, ORADB, { until: 'restored', sequence: 5 });
    expect(result.waitedMs).toBeGreaterThan(0);
  });

  it('waits for an array that does not answer, until the deadline, and then says what it saw last', async () => {
    const lab = await following({ timeoutMs: 5_000 });
    lab.osaka.reachable = false;
    const error = await refusal(waitForGroup(lab.context, ORADB, { until: 'pair' }));
    expect(error.kind).toBe('timeout');
    expect(error.why).toContain('no path to osaka');
    expect(error.evidence).toMatchObject({ sides: [{ array: 'tokyo' }, { array: 'osaka', reachable: false }] });
  });

  it('is cancelled by the signal', async () => {
    const controller = new AbortController();
    const lab = await following({ signal: controller.signal });
    lab.onCall = () => controller.abort();
    expect(await refusal(waitForGroup(lab.context, ORADB, { until: 'empty' }))).toMatchObject({ kind: 'cancelled' });
  });

  it('holds for suspended only when both sides are', async () => {
    const lab = await following();
    lab.tokyo.suspend(lab.tokyo.group!, 'journal-full');
    expect(conditionState(await observeGroup(lab.context, ORADB), { until: 'suspended' })).toBe('not-yet');
    lab.osaka.suspend(lab.osaka.group!, 'peer-suspended');
    expect(conditionState(await observeGroup(lab.context, ORADB), { until: 'suspended' })).toBe('holds');
  });
});

describe('journal commands on their own', () => {
  it('acquire, restore and purge as a cycle would, and are already so the second time', async () => {
    const lab = await following();
    for (const [verb, id] of [
      [acquireJournal, 'S1604'],
      [restoreJournal, 'S1609'],
      [purgeJournal, 'S1610'],
    ] as const) {
      const first = await verb(lab.context, ORADB);
      expect(first).toMatchObject({ changed: true, plan: [{ id }] });
      for (let turn = 0; turn < 4; turn += 1) await observeGroup(lab.context, ORADB);
      expect(await verb(lab.context, ORADB)).toMatchObject({ changed: false });
    }
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
    expect(lab.tokyo.group?.records).toEqual([]);
  });

  it('refuse what is not there yet', async () => {
    const lab = await following();
    expect(await refusal(acquireJournal(lab.context, ORADB, { toSequence: 6 }))).toMatchObject({
      kind: 'state-does-not-hold',
    });
    expect(await refusal(restoreJournal(lab.context, ORADB, { toSequence: 1 }))).toMatchObject({
      kind: 'state-does-not-hold',
    });
    expect(await refusal(purgeJournal(lab.context, ORADB, { toSequence: 1 }))).toMatchObject({
      kind: 'refused-for-safety',
    });
    expect(lab.tokyo.group?.records).toHaveLength(5);
  });

  it('restore works without the primary', async () => {
    const lab = await following();
    await acquireJournal(lab.context, ORADB);
    for (let turn = 0; turn < 4; turn += 1) await observeGroup(lab.context, ORADB);
    lab.tokyo.reachable = false;
    expect(await restoreJournal(lab.context, ORADB)).toMatchObject({ changed: true });
  });
});

describe('deleting', () => {
  it('dissolves one pair, then the group, and is then already so', async () => {
    const lab = await following();
    expect((await deleteGroup(lab.context, ORADB, { pair: 'log' })).changed).toBe(true);
    expect(lab.tokyo.group?.pairs.map((pair) => pair.pair)).toEqual(['data']);
    const { plan } = await deleteGroup(lab.context, ORADB);
    expect(plan.map((step) => step.id)).toEqual(['delete-primary', 'delete-auxiliary']);
    expect(await deleteGroup(lab.context, ORADB)).toMatchObject({ changed: false });
  });

  it('leaves a side that does not answer only when told to', async () => {
    const lab = await following();
    lab.osaka.reachable = false;
    expect(await refusal(deleteGroup(lab.context, ORADB))).toMatchObject({ kind: 'array-unreachable' });
    const { notes } = await deleteGroup(lab.context, ORADB, { reachableOnly: true });
    expect(notes).toEqual(['osaka does not answer and is left as it is']);
    expect(lab.tokyo.group).toBeUndefined();
  });
});

describe('results and events', () => {
  it('are plain data', async () => {
    const lab = await following();
    const result = await drainGroup(lab.context, ORADB);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
    expect(JSON.parse(JSON.stringify(lab.events))).toEqual(lab.events);
    expect(lab.events.every((event) => event.group === 'oradb' && event.atMs > 0)).toBe(true);
  });
});
