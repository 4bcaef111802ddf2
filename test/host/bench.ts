import { createArrayClient, type ArrayClient, type ArrayClientParts } from '../../src/host/array-client.ts';
import type { BlockEvent } from '../../src/host/block-event.ts';
import { CommandError } from '../../src/host/command-error.ts';
import { LunError, type LunOpener } from '../../src/lun/lun.ts';
import { createCommandArray, type CommandArray, type CommandArrayParts } from '../support/command-array.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { createUnitLun, type LunFaults } from '../support/unit-lun.ts';

export interface HostBench {
  readonly clock: FakeClock;
  readonly array: CommandArray;
  readonly events: BlockEvent[];
  /** By path; set before the path is opened, or changed while it is open. */
  readonly faults: Record<string, LunFaults>;
  /** Paths that cannot be opened. */
  readonly down: Set<string>;
  /** Paths in the order in which they were opened. */
  readonly opened: string[];
  readonly opener: LunOpener;
  client(more?: Partial<ArrayClientParts>): ArrayClient;
}

/** A host with two paths, `one` and `two`, to the command device of array TOKYO. */
export function hostBench(parts: Partial<CommandArrayParts> = {}): HostBench {
  const clock = createFakeClock();
  const array = createCommandArray({ clock, ...parts });
  const events: BlockEvent[] = [];
  const faults: Record<string, LunFaults> = {};
  const down = new Set<string>();
  const opened: string[] = [];
  const opener: LunOpener = {
    async open(path) {
      opened.push(path);
      if (down.has(path)) throw new LunError('no-path', path, `${path}: connection refused`);
      const current: LunFaults = {
        beforeRead: (lba, count) => faults[path]?.beforeRead?.(lba, count),
        afterRead: async (data) => (await faults[path]?.afterRead?.(data)) ?? data,
        beforeWrite: (lba, data) => faults[path]?.beforeWrite?.(lba, data),
        afterWrite: (lba) => faults[path]?.afterWrite?.(lba),
      };
      return createUnitLun(path, () => array.device(), current);
    },
  };
  let clients = 0;
  const client = (more: Partial<ArrayClientParts> = {}): ArrayClient =>
    createArrayClient({
      array: 'tokyo',
      serial: 'TOKYO',
      paths: ['one', 'two'],
      opener,
      clock,
      random: createSeededRandom(++clients),
      host: 'host-a',
      timeoutMs: 10_000,
      observe: (event) => events.push(event),
      ...more,
    });
  return { clock, array, events, faults, down, opened, opener, client };
}

/** Runs the clock until the call has failed. */
export async function failureOf(clock: FakeClock, call: Promise<unknown>): Promise<CommandError> {
  const failure = await clock.run(
    call.then(
      (value) => new Error(`succeeded: ${JSON.stringify(value)}`),
      (error: unknown) => error,
    ),
  );
  if (failure instanceof CommandError) return failure;
  throw failure;
}

/** A connection that breaks: the operation may have been done. */
export function lost(path: string): LunError {
  return new LunError('no-path', path, `${path}: connection lost`, { outcome: 'unknown' });
}
