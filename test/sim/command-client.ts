import { randomHex } from '../../src/base/random.ts';
import { createArrayClient, type ArrayClient } from '../../src/host/array-client.ts';
import { CommandError } from '../../src/host/command-error.ts';
import { operationsOf, type ArrayOperations } from '../../src/host/operations.ts';
import type { LunOpener } from '../../src/lun/lun.ts';
import { PROCESSES, type ReplyOf } from '../../src/interface-block/process-table.ts';
import { watchAnswer } from './checkers/status.ts';
import type { Draws } from './randomness.ts';
import { createPartyClock, type Life } from './scheduler.ts';
import { SimFailure } from './verdict.ts';
import type { ArrayParty, World } from './world.ts';

interface Host {
  readonly name: string;
  readonly life: Life;
  readonly draws: Draws;
  readonly opener: LunOpener;
}

/** The production command client of one host for one array, with checks of what it is told around it. */
function createClient(world: World, array: ArrayParty, host: Host): ArrayOperations {
  const { name, life, draws, opener } = host;
  const [one, other] = world.arrays;
  const far = array === one ? other : one;
  const paths = [world.access.path(array, 0), world.access.path(far, 1)];
  const clientOf = (order: readonly string[]): ArrayClient =>
    createArrayClient({
      array: array.name,
      serial: array.serial,
      paths: order,
      opener,
      clock: createPartyClock(world.scheduler, life),
      random: draws.random,
      host: name,
      timeoutMs: 10_000,
    });
  const twin = world.options.doubleRate > 0 ? clientOf(paths.toReversed()) : undefined;
  return operationsOf(checked(world, array, { client: clientOf(paths), twin, name, draws }));
}

interface Checked {
  readonly client: ArrayClient;
  /** Sends what is sent twice at once; by the other path first. */
  readonly twin: ArrayClient | undefined;
  readonly name: string;
  readonly draws: Draws;
}

/** Operations of both arrays, as the replication code wants them. */
export function createClients(world: World, name: string, life: Life, draws: Draws): Map<string, ArrayOperations> {
  const host = { name, life, draws, opener: world.access.opener(name, life) };
  return new Map(world.arrays.map((array) => [array.name, createClient(world, array, host)]));
}

interface Settled {
  readonly text: string;
  readonly known: boolean;
  value(): unknown;
}

/** I4: an answer means that the command is durable, and the same command sent again is answered the same. */
function checked(world: World, array: ArrayParty, { client, twin, name, draws }: Checked): ArrayClient {
  async function call(
    process: Parameters<ArrayClient['call']>[0],
    request: never,
    options: object = {},
  ): Promise<unknown> {
    if (!PROCESSES[process].changes) return ask(process, request, options);
    const requestId = randomHex(draws.random, 16);
    const returns = array.peek.returns();
    const send = (by: ArrayClient): Promise<Settled> => settled(by.call(process, request, { ...options, requestId }));
    const beside = twin && draws.chance(world.options.doubleRate) ? send(twin) : undefined;
    const first = await send(client);
    world.note(`${name} ${array.name} ${process} ${first.text}`);
    const again = (await beside) ?? (draws.chance(0.05) ? await send(client) : first);
    if (first.known && !array.peek.isDurable(requestId)) {
      fail(`${array.name} answered ${process} ${requestId} (${first.text}) but it is not durable`);
    }
    // What an older copy has forgotten it does again.
    if (first.known && again.known && first.text !== again.text && returns === array.peek.returns()) {
      fail(`${process} ${requestId} at ${array.name} was answered ${first.text} and then ${again.text}`);
    }
    return first.value();
  }

  async function ask(process: Parameters<ArrayClient['call']>[0], request: never, options: object): Promise<unknown> {
    const answered = watchAnswer(array.sides, world.scheduler.nowMs());
    const reply = await client.call(process, request, options).catch(judge);
    if (process === 'pair.show') guarded(() => answered.pairs(reply as ReplyOf<'pair.show'>));
    if (process === 'journal.show') guarded(() => answered.journal(reply as ReplyOf<'journal.show'>));
    return reply;
  }

  /** Those who ask take a failure for one of the command. */
  function guarded(judgeIt: () => void): void {
    try {
      judgeIt();
    } catch (error) {
      world.fail(error);
    }
  }

  function fail(text: string): void {
    world.fail(new SimFailure('I4-once', text));
  }

  function judge(error: unknown): never {
    const internal = error instanceof CommandError && error.status === 'internal' && !array.disk.hurt;
    const wrong = internal || (error instanceof CommandError && error.kind === 'bad-answer');
    if (wrong) world.fail(new SimFailure('no-crash', `${array.name}: ${error.message}`));
    throw error;
  }

  async function settled(answer: Promise<unknown>): Promise<Settled> {
    try {
      const value = await answer;
      return { text: JSON.stringify(value), known: true, value: () => value };
    } catch (error) {
      const known = error instanceof CommandError && error.kind === 'refused';
      return { text: error instanceof Error ? error.message : String(error), known, value: () => judge(error) };
    }
  }

  return { ...client, call: call as ArrayClient['call'] };
}
