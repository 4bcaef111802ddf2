import { isActive, localLun, type GroupState } from '../store/array-state.ts';
import type { FollowerContext } from './follower.ts';
import { olderCopyWords, type OlderCopy } from './lives.ts';
import { suspend } from './transitions.ts';

/**
 * One side came back from an older copy: nothing is followed any more, and whichever side gives way later is copied whole. Of
 * the difference maps only those are true that name everything.
 */
export async function distrust(context: FollowerContext, epoch: number, which: OlderCopy): Promise<void> {
  await markEverything(context);
  await context.update(epoch, (state) => suspend(state, which, state.read));
  context.report(olderCopyWords(context.state(), which));
}

/** What a command has found out; there is nothing to distrust where no primary is followed. */
export async function distrustFollowed(context: FollowerContext, which: OlderCopy): Promise<void> {
  const group = context.state();
  if (group.role === 'auxiliary' && group.following && isActive(group)) await distrust(context, context.epoch(), which);
}

/** Durable when it resolves. */
export async function markEverything(
  context: Pick<FollowerContext, 'state' | 'differences' | 'volume'>,
): Promise<void> {
  const group: GroupState = context.state();
  for (const pair of group.pairs) {
    const { byteLength } = context.volume(localLun(group, pair));
    await context.differences(pair.slot).mark(0, byteLength);
  }
}
