import type { ReplicationContext } from '../../../src/replication/context.ts';
import type { GroupDefinition } from '../../../src/replication/definition.ts';
import type { ReplicationEvent } from '../../../src/replication/events.ts';
import { ReplicationRefusal } from '../../../src/replication/refusal.ts';
import { CommandError } from '../../../src/host/command-error.ts';
import { ModelArray } from './model-array.ts';
import { createModelClock, type ModelClock } from './model-clock.ts';
import { modelOperations } from './model-commands.ts';

export const ORADB: GroupDefinition = {
  name: 'oradb',
  arrays: ['tokyo', 'osaka'],
  journals: { tokyo: 20, osaka: 20 },
  pairs: [
    { name: 'data', luns: { tokyo: 10, osaka: 10 } },
    { name: 'log', luns: { tokyo: 11, osaka: 11 } },
  ],
};

export interface Interruption {
  /** Operation number, from 1, over both arrays, counted from when the interruption is set. */
  readonly at: number;
  /** Before the array has the command, or after it carried it out and its answer was lost. */
  readonly when: 'before' | 'after';
}

export interface Lab {
  readonly tokyo: ModelArray;
  readonly osaka: ModelArray;
  readonly clock: ModelClock;
  readonly context: ReplicationContext;
  readonly events: ReplicationEvent[];
  /** `array operation`, in order. */
  readonly calls: string[];
  interruption: Interruption | undefined;
  /** Called before each operation: lets an application write, or a link fail, at a chosen moment. */
  onCall: ((call: string) => void) | undefined;
}

export const TIMEOUT_MS = 600_000;

export function createLab(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Lab {
  const clock = createModelClock();
  const calls: string[] = [];
  const events: ReplicationEvent[] = [];
  let counted = 0;
  const fail = (model: ModelArray, when: Interruption['when']): void => {
    if (lab.interruption?.when !== when || lab.interruption.at !== counted) return;
    throw new CommandError(
      when === 'before' ? 'no-path' : 'outcome-unknown',
      model.array,
      `interrupted ${when} operation ${counted}`,
    );
  };
  const hooks = {
    nowMs: () => clock.wallMs(),
    before(model: ModelArray, operation: string) {
      if (lab.interruption) counted += 1;
      else counted = 0;
      calls.push(`${model.array} ${operation}`);
      lab.onCall?.(`${model.array} ${operation}`);
      fail(model, 'before');
    },
    after: (model: ModelArray) => fail(model, 'after'),
  };
  const tokyo = new ModelArray('tokyo', 'TOKYO', hooks);
  const osaka = new ModelArray('osaka', 'OSAKA', hooks);
  tokyo.peer = osaka;
  osaka.peer = tokyo;
  const arrays = new Map([tokyo, osaka].map((model) => [model.array, modelOperations(model)]));
  const context: ReplicationContext = {
    clock,
    arrays,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    ...(options.signal ? { signal: options.signal } : {}),
    onEvent: (event) => events.push(event),
  };
  const lab: Lab = { tokyo, osaka, clock, context, events, calls, interruption: undefined, onCall: undefined };
  return lab;
}

/** The error of a promise that must reject. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not reject');
}

export async function refusal(promise: Promise<unknown>): Promise<ReplicationRefusal> {
  const error = await rejection(promise);
  if (error instanceof ReplicationRefusal) return error;
  throw error;
}

export function writeMany(model: ModelArray, prefix: string, count: number): string[] {
  const ids = Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
  return ids.filter((id) => model.write(id));
}

/** How many arrays of the lab take host writes right now. */
export function writable(lab: Lab): string[] {
  return [lab.tokyo, lab.osaka].filter((model) => model.group?.role === 'primary').map((model) => model.array);
}
