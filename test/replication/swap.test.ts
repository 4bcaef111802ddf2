import { describe, expect, it } from 'vitest';
import { createGroup } from '../../src/replication/change.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { observeGroup } from '../../src/replication/observe.ts';
import { swapGroup } from '../../src/replication/swap.ts';
import { verdictOf } from '../../src/replication/verdict.ts';
import { createLab, ORADB, refusal, rejection, writable, writeMany, type Lab } from './support/lab.ts';

async function following(options: Parameters<typeof createLab>[0] = {}): Promise<Lab> {
  const lab = createLab(options);
  await createGroup(lab.context, ORADB, { primary: 'tokyo' });
  writeMany(lab.tokyo, 'w', 5);
  await drainGroup(lab.context, ORADB);
  writeMany(lab.tokyo, 'x', 3);
  lab.calls.length = 0;
  lab.events.length = 0;
  return lab;
}

/** Lets the application write each time the old primary is about to be stopped, `times` times. */
function keepWriting(lab: Lab, times: number): void {
  let left = times;
  lab.onCall = (call) => {
    if (call === 'tokyo swapGroup' && left > 0 && lab.tokyo.write(`late${left}`)) left -= 1;
  };
}

describe('swap (Fig. 19)', () => {
  it('drains, stops the old primary, then starts the new one, with nothing lost', async () => {
    const lab = await following();
    const result = await swapGroup(lab.context, ORADB, { to: 'osaka' });
    expect(result).toMatchObject({
      changed: true,
      primary: 'osaka',
      auxiliary: 'tokyo',
      sequence: 8,
      attempts: 1,
      fenced: false,
    });
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
    expect(lab.calls.filter((call) => call.endsWith('swapGroup'))).toEqual(['tokyo swapGroup', 'osaka swapGroup']);
    expect(
      lab.events.flatMap((event) => (event.kind === 'step-done' && event.process === 'pair.swap' ? [event.id] : [])),
    ).toEqual(['S1906', 'S1907']);
    expect(writable(lab)).toEqual(['osaka']);
  });

  it('is already so the second time', async () => {
    const lab = await following();
    await swapGroup(lab.context, ORADB, { to: 'osaka' });
    expect(await swapGroup(lab.context, ORADB, { to: 'osaka' })).toMatchObject({ changed: false, plan: [] });
  });

  it('goes there and back, also when nobody wrote in between', async () => {
    const lab = await following();
    lab.tokyo.contactDelay = 9;
    for (const to of ['osaka', 'tokyo', 'osaka'] as const) {
      await swapGroup(lab.context, ORADB, { to });
      expect(writable(lab)).toEqual([to]);
    }
    writeMany(lab.osaka, 'there', 4);
    await swapGroup(lab.context, ORADB, { to: 'tokyo' });
    expect(lab.tokyo.volume).toEqual(lab.osaka.volume);
    expect(lab.tokyo.volume).toHaveLength(12);
  });

  it('tries again when the application writes between drain and stop', async () => {
    const lab = await following();
    keepWriting(lab, 1);
    expect(await swapGroup(lab.context, ORADB, { to: 'osaka' })).toMatchObject({ attempts: 2, fenced: false });
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
  });

  it('holds host writes back from the third attempt on, and drains under the fence', async () => {
    const lab = await following();
    keepWriting(lab, 1_000);
    expect(await swapGroup(lab.context, ORADB, { to: 'osaka' })).toMatchObject({ attempts: 3, fenced: true });
    expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
  });

  it('never holds them back where that is not wanted, and then swaps nothing', async () => {
    const lab = await following();
    keepWriting(lab, 1_000);
    const error = await refusal(swapGroup(lab.context, ORADB, { to: 'osaka', fenceLeaseMs: 0 }));
    expect(error.kind).toBe('state-does-not-hold');
    expect(writable(lab)).toEqual(['tokyo']);
    expect(lab.calls).not.toContain('tokyo fence');
  });

  it('lifts the fence when the drain under it fails', async () => {
    const lab = await following();
    keepWriting(lab, 1_000);
    const write = lab.onCall;
    lab.onCall = (call) => {
      write?.(call);
      if (call === 'tokyo fence') lab.osaka.linked = false;
      if (call === 'tokyo fence') lab.tokyo.write('just before the fence');
    };
    await rejection(swapGroup(lab.context, ORADB, { to: 'osaka' }));
    expect(lab.tokyo.write('afterwards')).toBe(true);
  });

  it('refuses a suspended group, a missing array and an unreachable one, each with the way out', async () => {
    const lab = await following();
    expect(await refusal(swapGroup(lab.context, ORADB, { to: 'kyoto' }))).toMatchObject({ kind: 'bad-request' });
    lab.tokyo.reachable = false;
    const unreachable = await refusal(swapGroup(lab.context, ORADB, { to: 'osaka' }));
    expect(unreachable.kind).toBe('array-unreachable');
    expect(unreachable.next).toContain('takeover');
    lab.tokyo.reachable = true;
    lab.tokyo.suspend(lab.tokyo.group!, 'split');
    const suspended = await refusal(swapGroup(lab.context, ORADB, { to: 'osaka' }));
    expect(suspended.next).toContain('resync');
  });

  it('sends nothing on a dry run and names what it will only know later', async () => {
    const lab = await following();
    const { plan, changed } = await swapGroup(lab.context, ORADB, { to: 'osaka', dryRun: true });
    expect(changed).toBe(false);
    expect(plan.map((step) => [step.id, step.provisional])).toEqual([
      ['S1902', undefined],
      ['S1906', ['generation', 'sequence']],
      ['S1907', ['generation', 'sequence']],
    ]);
    expect(writable(lab)).toEqual(['tokyo']);
  });
});

describe('a swap that stopped between S1906 and S1907', () => {
  async function halfDone(): Promise<Lab> {
    const lab = await following();
    lab.onCall = (call) => {
      if (call === 'osaka swapGroup') lab.osaka.reachable = false;
    };
    await rejection(swapGroup(lab.context, ORADB, { to: 'osaka' }));
    lab.onCall = undefined;
    lab.osaka.reachable = true;
    return lab;
  }

  it('is seen as handing over, with nobody writable', async () => {
    const lab = await halfDone();
    expect(writable(lab)).toEqual([]);
    expect(verdictOf(await observeGroup(lab.context, ORADB))).toMatchObject({ kind: 'handing-over', primary: 'osaka' });
  });

  it('is finished by the same command, with or without naming the array', async () => {
    for (const to of [{ to: 'osaka' }, {}]) {
      const lab = await halfDone();
      const result = await swapGroup(lab.context, ORADB, to);
      expect(result).toMatchObject({ changed: true, primary: 'osaka', attempts: 0 });
      expect(result.plan.map((step) => step.id)).toEqual(['S1907']);
      expect(writable(lab)).toEqual(['osaka']);
    }
  });

  it('is not turned round: the last command may still arrive', async () => {
    const lab = await halfDone();
    expect(await refusal(swapGroup(lab.context, ORADB, { to: 'tokyo' }))).toMatchObject({ kind: 'refused-for-safety' });
  });

  it('asks for the array where the arrays do not tell which was to become primary', async () => {
    const lab = await halfDone();
    lab.osaka.group!.peerSeenMs = 0;
    expect((await refusal(swapGroup(lab.context, ORADB))).next).toContain('--to');
    expect(await swapGroup(lab.context, ORADB, { to: 'osaka' })).toMatchObject({ changed: true });
  });

  it('is not finished on a side that lacks the last acknowledged write', async () => {
    const lab = await halfDone();
    Object.assign(lab.osaka.group!, { read: 7, restored: 7, toBeRead: 7, toBeRestored: 7 });
    expect(await refusal(swapGroup(lab.context, ORADB, { to: 'osaka' }))).toMatchObject({ kind: 'refused-for-safety' });
    expect(writable(lab)).toEqual([]);
  });
});

describe('interrupted at every operation and run again from the top', () => {
  for (const when of ['before', 'after'] as const) {
    for (const load of [0, 1_000]) {
      it(`never has two primaries, loses nothing, and gets there (${when}, ${load > 0 ? 'under load' : 'idle'})`, async () => {
        for (let at = 1; at <= 70; at += 1) {
          const lab = await following();
          keepWriting(lab, load);
          lab.interruption = { at, when };
          await swapGroup(lab.context, ORADB, { to: 'osaka' }).catch(() => undefined);
          expect(writable(lab).length).toBeLessThanOrEqual(1);
          lab.interruption = undefined;
          await swapGroup(lab.context, ORADB, { to: 'osaka' });
          expect(writable(lab)).toEqual(['osaka']);
          expect(lab.osaka.volume).toEqual(lab.tokyo.volume);
          await drainGroup(lab.context, ORADB);
          expect(verdictOf(await observeGroup(lab.context, ORADB)).kind).toBe('replicating');
        }
      });
    }
  }
});
