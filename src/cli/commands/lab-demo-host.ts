import type { Lun } from '../../lun/lun.ts';
import type { CommandContext } from '../context.ts';
import type { CommandResult } from '../definition.ts';
import type { HostPlan } from '../demo/host-plan.ts';
import { placeOf, STAMP_BYTES, stampBytes } from '../demo/stamp.ts';
import { pauseUntil } from '../pause.ts';
import { initiatorNameOf } from '../site.ts';

export interface DemoHost {
  readonly writes: number;
}

/**
 * An application on a host: writes stamped blocks until its standard input ends. It reports a write only after the array
 * has acknowledged it, so that it may be killed at any moment and nothing that it reported is untrue.
 */
export async function run(
  request: { readonly plan: string },
  context: CommandContext,
): Promise<CommandResult<DemoHost>> {
  const plan = JSON.parse(await context.services.files.readText(request.plan)) as HostPlan;
  const access = await context.services.luns({
    secrets: new Map(),
    initiatorName: () => initiatorNameOf(context, undefined).name,
  });
  try {
    const luns = await Promise.all(
      plan.paths.map((path) => access.opener.open(path, { timeoutMs: context.timeoutMs })),
    );
    const volumes = await Promise.all(luns.map((lun) => volumeOf(lun, context.timeoutMs)));
    return { data: { writes: await writeUntilToldToEnd(plan, volumes, context) } };
  } finally {
    await access.close();
  }
}

interface Volume {
  readonly lun: Lun;
  readonly blockSize: number;
}

async function volumeOf(lun: Lun, timeoutMs: number): Promise<Volume> {
  const { blockSize } = await lun.capacity({ timeoutMs });
  return { lun, blockSize };
}

async function writeUntilToldToEnd(
  plan: HostPlan,
  volumes: readonly Volume[],
  context: CommandContext,
): Promise<number> {
  const end = endOfInput(context);
  let sequence = plan.firstSequence;
  while (!end.aborted) {
    const batch = Array.from({ length: plan.depth }, () => sequence++);
    await Promise.all(batch.map((each) => writeOne(plan, each, volumes, context)));
    await pauseUntil(context.services.clock, plan.pauseMs, end);
  }
  return sequence - plan.firstSequence;
}

/** Input ends when we are told to end, and also when the process that started us is gone. */
function endOfInput(context: CommandContext): AbortSignal {
  const end = new AbortController();
  const finish = (): void => end.abort();
  context.readInput().then(finish, finish);
  context.stop.addEventListener('abort', finish);
  return end.signal;
}

async function writeOne(
  plan: HostPlan,
  sequence: number,
  volumes: readonly Volume[],
  context: CommandContext,
): Promise<void> {
  const place = placeOf(sequence, plan.regions);
  const { lun, blockSize } = volumes[place.region]!;
  const lba = (plan.regions[place.region]!.offset + place.slot * STAMP_BYTES) / blockSize;
  const bytes = stampBytes({ run: plan.run, site: plan.site, sequence }, place);
  await lun.write(lba, bytes, { timeoutMs: context.timeoutMs, repeatable: true });
  context.emit({ event: 'acknowledged', sequence });
}
