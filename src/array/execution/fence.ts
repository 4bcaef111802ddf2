import type { ReplyOf, RequestOf } from '../../interface-block/process-table.ts';
import type { ArrayCore } from '../core.ts';
import { CommandRefusal } from '../refusal.ts';
import { groupChange } from './group-change.ts';
import { needRuntime } from './group-queries.ts';
import type { Commit } from './handler-types.ts';

const LEASE_LIMIT_MS = 30_000;

/**
 * A fence changes no table and ends with the array; its outcome is recorded all the same, so that the block, written again by who
 * overheard it, holds back no host anew, over restarts too.
 */
export async function fenceGroup(
  core: ArrayCore,
  request: RequestOf<'pair.fence'>,
  commit: Commit<ReplyOf<'pair.fence'>>,
): Promise<void> {
  const { group: name, leaseMs } = request.header;
  const runtime = needRuntime(core, name);
  if (leaseMs > LEASE_LIMIT_MS) {
    throw new CommandRefusal('bad-parameter', `leaseMs ${leaseMs} is more than ${LEASE_LIMIT_MS}`);
  }
  await runtime.exclusive.run(async () => {
    const group = runtime.state();
    if (group.role !== 'primary' && leaseMs > 0) {
      throw new CommandRefusal('wrong-state', `array ${core.name} is ${group.role} in group ${name}: nothing to fence`);
    }
    const changed = runtime.gate.isFenced() !== leaseMs > 0;
    await commit(
      (state) => state,
      () => groupChange(runtime, runtime.state(), changed, runtime.tail()),
    );
    runtime.gate.fence(leaseMs);
  });
}
