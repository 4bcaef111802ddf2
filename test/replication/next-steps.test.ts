import { describe, expect, it } from 'vitest';
import { createGroup, deleteGroup, splitGroup } from '../../src/replication/change.ts';
import type { ReplicationContext } from '../../src/replication/context.ts';
import type { GroupDefinition } from '../../src/replication/definition.ts';
import { drainGroup } from '../../src/replication/drain.ts';
import { observeGroup } from '../../src/replication/observe.ts';
import { ReplicationRefusal } from '../../src/replication/refusal.ts';
import { resyncGroup } from '../../src/replication/resync.ts';
import { swapGroup } from '../../src/replication/swap.ts';
import { takeOver } from '../../src/replication/takeover.ts';
import { verdictOf, type Verdict } from '../../src/replication/verdict.ts';
import { expectSame, inWorld, stamp, type World } from '../array/review/world.ts';
import { LUNS, pairRequest, type ArrayHandle } from '../support/array-pair.ts';

/** What a verdict or a refusal advises has something to do, and brings the group back. */
const ORADB: GroupDefinition = {
  name: 'oradb',
  arrays: ['tokyo', 'osaka'],
  journals: { tokyo: LUNS.tokyo.journal, osaka: LUNS.osaka.journal },
  pairs: [
    { name: 'data', luns: { tokyo: LUNS.tokyo.data, osaka: LUNS.osaka.data } },
    { name: 'log', luns: { tokyo: LUNS.tokyo.log, osaka: LUNS.osaka.log } },
  ],
};

interface Formed extends World {
  readonly context: ReplicationContext;
}

function formed(work: (world: Formed) => Promise<void>): Promise<void> {
  return inWorld(async (world) => {
    const arrays = new Map([
      ['tokyo', world.tokyo.operations],
      ['osaka', world.osaka.operations],
    ]);
    const context: ReplicationContext = { clock: world.clock, arrays, timeoutMs: 60_000 };
    await createGroup(context, ORADB, { primary: 'tokyo' });
    await drainGroup(context, ORADB);
    await work({ ...world, context });
    await drainGroup(context, ORADB);
    expect((await verdictNow(context)).kind).toBe('replicating');
    await expectSame(world, 'data');
    await expectSame(world, 'log');
    await world.stop();
  });
}

async function verdictNow(context: ReplicationContext): Promise<Verdict> {
  return verdictOf(await observeGroup(context, ORADB));
}

async function adviceOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.catch((reason: unknown) => reason);
  return error instanceof ReplicationRefusal ? error.next : `no refusal: ${String(error)}`;
}

/** By hand, as nobody should: whoever it is follows the other, and gives up what it has. */
async function follow(who: ArrayHandle, other: ArrayHandle): Promise<void> {
  const { generation, lineage } = await other.operations.showJournal('oradb');
  await who.operations.resyncGroup({ group: 'oradb', role: 'auxiliary', discard: true, generation, lineage });
}

describe('the next step', () => {
  it('of a suspended group with a pair that one side alone has lets that pair go', () =>
    formed(async ({ context, osaka, tokyo }) => {
      await splitGroup(context, ORADB);
      await osaka.operations.deletePair('oradb', 'log');
      await tokyo.lun('data').write(3, stamp(3));
      const verdict = await verdictNow(context);
      expect([verdict.kind, verdict.nextStep]).toEqual([
        'partly-formed',
        expect.stringMatching(/^cdctl pair delete oradb\/log, which leaves the volume as it is; then cdctl pair show/),
      ]);
      await deleteGroup(context, ORADB, { pair: 'log' });
      expect((await verdictNow(context)).nextStep).toContain('cdctl pair resync oradb --from tokyo');
      await resyncGroup(context, ORADB, { from: 'tokyo' });
      expect((await verdictNow(context)).kind).toBe('copying');
      await createGroup(context, ORADB, { primary: 'tokyo' });
    }));

  it('of a running group with such a pair names the primary', () =>
    formed(async ({ context, osaka, tokyo }) => {
      await osaka.operations.deletePair('oradb', 'log');
      await tokyo.operations.deletePair('oradb', 'log');
      await tokyo.operations.createPair(pairRequest('primary', 'log'));
      expect((await verdictNow(context)).nextStep).toContain('cdctl pair create oradb --primary tokyo completes it');
      await createGroup(context, ORADB, { primary: 'tokyo' });
    }));

  it('of a pair whose auxiliary half is gone lets the other half go before it is formed anew', () =>
    formed(async ({ context, osaka }) => {
      await osaka.operations.deletePair('oradb', 'log');
      expect((await verdictNow(context)).nextStep).toBe(
        'cdctl pair delete oradb/log, whose other half is gone; then cdctl pair create oradb --primary tokyo forms it anew',
      );
      await deleteGroup(context, ORADB, { pair: 'log' });
      await createGroup(context, ORADB, { primary: 'tokyo' });
    }));

  it('where both sides follow each other takes the volumes of one as they are', () =>
    formed(async ({ context, osaka, tokyo }) => {
      await splitGroup(context, ORADB);
      await tokyo.lun('data').write(3, stamp(3));
      await follow(osaka, tokyo);
      await follow(tokyo, osaka);
      expect((await verdictNow(context)).kind).toBe('suspended');
      expect(await adviceOf(resyncGroup(context, ORADB, { from: 'tokyo' }))).toMatch(
        /cdctl takeover oradb --at tokyo --peer-is-lost --accept-inconsistent, or resync from the other side/,
      );
      await takeOver(context, ORADB, { at: 'tokyo', peerIsLost: true, acceptInconsistent: true });
      await resyncGroup(context, ORADB, { from: 'tokyo', discard: 'osaka' });
    }));

  it('where the second side gave way after a swap is a takeover at the newer one', () =>
    formed(async ({ context, osaka }) => {
      await swapGroup(context, ORADB, { to: 'osaka' });
      const { generation, journalInSequence } = await osaka.operations.showJournal('oradb');
      const half = { group: 'oradb', role: 'auxiliary', generation, sequence: journalInSequence - 1 } as const;
      await osaka.operations.swapGroup(half);
      expect((await verdictNow(context)).kind).toBe('handing-over');
      for (const to of ['tokyo', 'osaka']) {
        expect(await adviceOf(swapGroup(context, ORADB, { to }))).toBe(
          'cdctl takeover oradb --at osaka --peer-is-lost, then cdctl pair resync oradb --from osaka',
        );
      }
      await takeOver(context, ORADB, { at: 'osaka', peerIsLost: true });
      await resyncGroup(context, ORADB, { from: 'osaka' });
    }));
});
