import { scanJournal } from '../journal/recovery.ts';
import { isActive, type GroupState, type Position } from '../store/array-state.ts';
import { announceChange, applyChange, changeOf } from './change.ts';
import type { FollowerContext } from './follower.ts';
import type { GroupRuntime } from './group-runtime.ts';
import { flushVolumes, redoRestoration } from './restoration.ts';
import { settle } from './transitions.ts';

/** What a restart owes before hosts may read: the journal's writes in the volumes, orders to restore carried out. */
export async function recover(
  runtime: Pick<GroupRuntime, 'state' | 'journal' | 'storing' | 'differences'>,
  context: FollowerContext,
  incarnation: number,
  update: (change: (group: GroupState) => GroupState) => Promise<GroupState>,
): Promise<void> {
  const group = runtime.state();
  /** Whatever the journal holds behind this place was left by a crash: only records stored from now on are to follow it. */
  async function continueAt(tail: Position): Promise<void> {
    await update((current) => ({ ...current, recovered: { sequence: tail.sequence, incarnation } }));
    runtime.storing.continueFrom(tail);
  }
  if (group.role === 'auxiliary') {
    const reached = await redoRestoration(context);
    await flushVolumes(context, group);
    await update((state) => settle(state, reached));
    return;
  }
  if (!isActive(group)) return continueAt(group.purged);
  const redo: Array<() => Promise<void>> = [];
  const found = scanJournal(runtime.journal, group.purged, group, ({ record }, data) => {
    const pair = group.pairs.find((candidate) => candidate.slot === record.slot);
    if (!pair || record.sequence <= pair.startSequence) return;
    const volume = context.volume(pair.primaryLun);
    const change = changeOf(record, data);
    if (pair.progress === 'copy') runtime.differences(pair.slot).note(change.offset, change.length);
    redo.push(async () => {
      await announceChange(volume, change);
      applyChange(volume, change);
    });
  });
  // The journal must be durable before the volumes take what it holds: it may come from the page cache of a killed process.
  await runtime.journal.flush();
  for (const apply of redo) await apply();
  return continueAt(found);
}
