import { describe, expect, it } from 'vitest';
import { createGroup } from '../../src/replication/change.ts';
import { runCycle } from '../../src/replication/cycle.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { observeGroup } from '../../src/replication/observe.ts';
import { verdictOf } from '../../src/replication/verdict.ts';
import { createLab, ORADB, refusal, rejection, writeMany, type Lab } from './support/lab.ts';

async function formed(options: Parameters<typeof createLab>[0] = {}): Promise<Lab> {
  const lab = createLab(options);
  writeMany(lab.tokyo, 'before', 3);
  await createGroup(lab.context, ORADB, { primary: 'tokyo' });
  await drainGroup(lab.context, ORADB);
  lab.events.length = 0;
  lab.calls.length = 0;
  return lab;
}

describe('forming a group and draining it', () => {
  it('copies, follows, and ends with both sides in state pair and equal volumes', async () => {
    const lab = createLab();
    writeMany(lab.tokyo, 'before', 3);
    const created = await createGroup(lab.context, ORADB, { primary: 'tokyo' });
    expect(created.changed).toBe(true);
    expect(created.plan.map((step) => `${step.id} ${step.array}`)).toEqual([
      'S1101 tokyo',
      'S1102 osaka',
      'S1101 tokyo',
      'S1102 osaka',
    ]);
    writeMany(lab.tokyo, 'during', 7);
    const drained = await drainGroup(lab.context, ORADB);
    expect(drained.complete).toBe(true);
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
    const verdict = verdictOf(await observeGroup(lab.context, ORADB));
    expect(verdict).toMatchObject({
      kind: 'replicating',
      primary: 'tokyo',
      auxiliary: 'osaka',
      currency: { kind: 'consistent' },
    });
    expect(lab.events.some((event) => event.kind === 'copy-progress')).toBe(true);
  });

  it('forms nothing twice', async () => {
    const lab = await formed();
    const again = await createGroup(lab.context, ORADB, { primary: 'tokyo' });
    expect(again).toMatchObject({ changed: false, plan: [], done: [] });
  });

  it('refuses the other direction and points to swap', async () => {
    const lab = await formed();
    const error = await refusal(createGroup(lab.context, ORADB, { primary: 'osaka' }));
    expect(error).toMatchObject({ kind: 'state-does-not-hold' });
    expect(error.next).toContain('swap');
  });

  it('plans without sending a changing command', async () => {
    const lab = createLab();
    const planned = await createGroup(lab.context, ORADB, { primary: 'tokyo', dryRun: true });
    expect(planned).toMatchObject({ changed: false, dryRun: true });
    expect(planned.plan).toHaveLength(4);
    expect(lab.calls.every((call) => /show|list/.test(call))).toBe(true);
  });
});

describe('one cycle (Fig. 16)', () => {
  it('takes the steps in the order of the figure', async () => {
    const lab = await formed();
    writeMany(lab.tokyo, 'w', 2);
    const { cycle, changed } = await runCycle(lab.context, ORADB);
    const ids = lab.events.flatMap((event) =>
      event.kind === 'step-done' || event.kind === 'compared' ? [event.id] : [],
    );
    expect([...new Set(ids)]).toEqual(['S1601', 'S1604', 'S1605', 'S1608', 'S1609', 'S1610']);
    expect(changed).toBe(true);
    expect(cycle).toMatchObject({ moved: true, figures: { recordsAcquired: 2, recordsRestored: 2, recordsPurged: 2 } });
  });

  it('says so when there is nothing to move', async () => {
    const lab = await formed();
    const { cycle, changed } = await runCycle(lab.context, ORADB);
    expect({ moved: cycle?.moved, complete: cycle?.complete, changed }).toEqual({
      moved: false,
      complete: true,
      changed: false,
    });
    expect(lab.calls.filter((call) => /acquire|restore|purge/.test(call))).toEqual([]);
  });

  it('brings the rest with further cycles where the auxiliary ring takes only a part', async () => {
    const lab = await formed();
    lab.osaka.ringRecords = 3;
    writeMany(lab.tokyo, 'w', 10);
    const { cycle } = await runCycle(lab.context, ORADB);
    expect(cycle).toMatchObject({ complete: false, figures: { recordsAcquired: 3 } });
    await drainGroup(lab.context, ORADB);
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
  });

  it('restores what it has when the primary suspends itself in between, and reports it', async () => {
    const lab = await formed();
    writeMany(lab.tokyo, 'w', 4);
    lab.onCall = (call) => {
      if (call === 'tokyo purge') lab.tokyo.suspend(lab.tokyo.group!, 'journal-full');
    };
    const { cycle } = await runCycle(lab.context, ORADB);
    expect(cycle).toMatchObject({ suspended: true, figures: { recordsRestored: 4, recordsPurged: 0 } });
    const error = await refusal(drainGroup(lab.context, ORADB));
    expect(error.kind).toBe('state-does-not-hold');
    expect(error.why).toContain('journal-full');
  });

  it('ends with a timeout that says how far it came when the link between the arrays is down', async () => {
    const lab = await formed();
    writeMany(lab.tokyo, 'w', 4);
    lab.osaka.linked = false;
    const error = await refusal(runCycle(lab.context, ORADB));
    expect(error.kind).toBe('timeout');
    expect(error.why).toContain('acquired journal up to write 0 of 4');
  });

  it('backs off from 10 ms to 500 ms between two S1605', async () => {
    const lab = await formed();
    writeMany(lab.tokyo, 'w', 4);
    lab.osaka.linked = false;
    await rejection(runCycle(lab.context, ORADB));
    const asked = lab.events.flatMap((event) => (event.kind === 'waiting' ? [event.waitedMs] : []));
    expect(asked.slice(0, 8)).toEqual([0, 10, 30, 70, 150, 250, 350, 450]);
  });

  it('brings the cycle to its end when it is cancelled, and begins no other', async () => {
    const controller = new AbortController();
    const lab = await formed({ signal: controller.signal });
    writeMany(lab.tokyo, 'w', 10);
    lab.onCall = (call) => {
      if (call === 'osaka acquire') controller.abort();
    };
    const drained = await drainGroup(lab.context, ORADB);
    expect(drained).toMatchObject({ complete: false, cycles: 1 });
    expect(lab.calls.at(-1)).toBe('tokyo purge');
  });

  it('follows the new direction only when it is called again', async () => {
    const lab = await formed();
    lab.onCall = (call) => {
      if (call === 'tokyo showJournal' && lab.calls.filter((made) => made === call).length === 2)
        lab.tokyo.group!.role = 'auxiliary';
    };
    expect(await refusal(runCycle(lab.context, ORADB))).toMatchObject({ kind: 'state-does-not-hold' });
  });
});

describe('interrupted at every operation and run again', () => {
  for (const when of ['before', 'after'] as const) {
    it(`a drain loses and repeats nothing (${when})`, async () => {
      for (let at = 1; at <= 40; at += 1) {
        const lab = await formed();
        writeMany(lab.tokyo, 'w', 5);
        lab.interruption = { at, when };
        await drainGroup(lab.context, ORADB).catch(() => undefined);
        const seen = lab.osaka.volume;
        expect(lab.tokyo.volume.slice(0, seen.length)).toEqual(seen);
        lab.interruption = undefined;
        await drainGroup(lab.context, ORADB);
        expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
        expect(lab.tokyo.group?.records).toEqual([]);
      }
    });
  }
});
