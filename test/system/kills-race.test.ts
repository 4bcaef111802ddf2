import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Random } from '../../src/base/random.ts';
import { createArrayClient, type ArrayClient } from '../../src/host/array-client.ts';
import { createRealClock } from '../../src/lun/real-clock.ts';
import { createRealRandom } from '../../src/lun/real-random.ts';
import type { Ended } from '../cli/support/run-program.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { ChaosLab, peerOf, SITES, type Site } from './support/chaos-lab.ts';

/**
 * Eight hosts, each command a process of its own, on tokyo's command device: its own and the virtual one at osaka. Half
 * of the processes die of SIGKILL on the way. `CDCTL_KILL_SEED` repeats the order of the commands, `CDCTL_RACE_COMMANDS`
 * makes it longer.
 */

const HOSTS = 8;
const COMMANDS = Number(process.env['CDCTL_RACE_COMMANDS'] ?? 1000);
/** The array dies as often, at equal distances. */
const RESTARTS = 4;
const seed = Number(process.env['CDCTL_KILL_SEED'] ?? 1);
/** For each command, on a machine with a lot of other work. */
const TIMEOUT_PER_COMMAND_MS = 1000;
const clock = createRealClock();
const lab = new ChaosLab();
let client: ArrayClient;

/** What a changing command is told by the array: nothing but its own name. */
interface Change {
  readonly requestId: string;
  readonly group: string;
}

beforeAll(async () => {
  await lab.up('1MiB', '1MiB');
  client = createArrayClient({
    array: 'tokyo',
    serial: 'TK000001',
    paths: [...lab.paths('osaka', [1]).values()],
    opener: lab.opener('judge'),
    clock,
    random: createRealRandom(),
    host: 'judge',
    timeoutMs: 10_000,
  });
});

afterAll(async () => {
  await client.close();
  expect(await lab.end()).toEqual([]);
});

const newChange = (group: string): Change => ({ requestId: randomBytes(16).toString('hex'), group });
const outcomeOf = async (requestId: string) =>
  (await client.call('request.query', { header: { requestId }, rows: [] })).header;
const commandNumber = async () => (await client.call('array.show', { header: {}, rows: [] })).header.commandNumber;

function splitOf({ requestId, group }: Change): string[] {
  const parameters = ['--set', `group=${group}`, '--request-id', requestId];
  return ['block', 'send', 'tokyo', 'pair.split', ...parameters, '--confirm', 'tokyo', '--json'];
}

/** The array has no such group, says so, and remembers that it did. */
function expectAnswer({ requestId, group }: Change, { code, stdout }: Ended): void {
  expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({
    code: 5,
    error: { process: 'pair.split', requestId, status: 'not-found', why: `array tokyo has no group ${group}` },
  });
}

/** One of the processes: what it runs, and what its answer must be if it lives to have one. */
interface Task {
  readonly argv: readonly string[];
  expect(answer: Ended): void;
  readonly change?: Change;
}

function taskOf(name: string, kind: number, known: ReadonlyMap<string, number>, random: Random): Task {
  if (kind > 1) {
    const change = newChange(name);
    return { argv: splitOf(change), change, expect: (answer) => expectAnswer(change, answer) };
  }
  if (kind === 1) {
    return {
      argv: ['block', 'send', 'tokyo', 'array.show', '--json'],
      expect: ({ stdout }) =>
        expect(JSON.parse(stdout)).toMatchObject({ reply: { header: { serial: 'TK000001', name: 'tokyo' } } }),
    };
  }
  const [requestId, number] = [...known][random.below(known.size)]!;
  return {
    argv: ['block', 'send', 'tokyo', 'request.query', '--set', `requestId=${requestId}`, '--json'],
    expect: ({ stdout }) =>
      expect(JSON.parse(stdout)).toMatchObject({
        request: { header: { requestId } },
        reply: { header: { outcome: 'done', commandNumber: number } },
      }),
  };
}

/** No path, no result in time, outcome unknown: while the array is down nobody promises more. */
const CUT_OFF = [4, 6, 10];
let array = { down: false };

let restarted = Promise.resolve();

/** The array dies in the middle of it all, and comes back with what it has answered; before it is back it does not die again. */
function restartArray(): Promise<void> {
  restarted = restarted.then(async () => {
    array = { down: true };
    await lab.killArray('tokyo');
    await lab.startArray('tokyo');
    array = { down: false };
  });
  return restarted;
}

/** `cut-off`: the array was down, and the process said so. */
type Fate = 'answered' | 'killed' | 'cut-off';

/** Runs a task, to its end or to a death that is drawn. */
async function perform(task: Task, site: Site, death?: Random): Promise<Fate> {
  const begun = array;
  const running = lab.start(site, [...task.argv, '--verbose']);
  const answer = await (death ? lab.killMidway(running, death) : running.ended);
  if (answer.signal !== null) return 'killed';
  const wasDown = begun.down || begun !== array;
  if (wasDown && CUT_OFF.includes(answer.code ?? 0)) return 'cut-off';
  task.expect(answer);
  return 'answered';
}

/** Requests with outcomes that the hosts may ask about. */
async function remembered(count: number): Promise<Map<string, number>> {
  const known = new Map<string, number>();
  for (let index = 0; index < count; index += 1) {
    const { requestId, group } = newChange(`known-${index}`);
    await client.call('pair.split', { header: { group }, rows: [] }, { requestId }).catch(() => undefined);
    known.set(requestId, (await outcomeOf(requestId)).commandNumber);
  }
  return known;
}

describe('one command device under eight hosts', () => {
  it(
    'gives each its own answer, and executes each request at most once, whoever dies',
    async () => {
      const random = createSeededRandom(seed);
      const known = await remembered(8);
      const before = await commandNumber();
      const changes: Change[] = [];
      const unanswered: Change[] = [];
      let [started, answered, killed, restarts] = [0, 0, 0, 0];

      /** Those that ended before they could be killed are made up for by others. */
      async function one(task: Task, site: Site): Promise<boolean> {
        started += 1;
        const answer = await perform(task, site, 2 * killed < started ? random : undefined);
        answered += Number(answer === 'answered');
        killed += Number(answer === 'killed');
        return answer === 'answered';
      }

      async function host(): Promise<void> {
        while (started < COMMANDS) {
          const turn = started;
          if (turn > ((restarts + 1) * COMMANDS) / (RESTARTS + 1)) {
            restarts += 1;
            await restartArray();
          }
          const task = taskOf(`race-${turn}`, random.below(4), known, random);
          const site = SITES[random.below(2)]!;
          // Now and then the same request comes from two hosts at once, on both paths.
          const twin = task.change && random.below(4) === 0 ? one(task, peerOf(site)) : false;
          const told = await Promise.all([one(task, site), twin]);
          if (task.change) changes.push(task.change);
          if (task.change && !told.includes(true)) unanswered.push(task.change);
        }
      }
      await Promise.all(Array.from({ length: HOSTS }, () => host()));

      const executed = await Promise.all(changes.map(({ requestId }) => outcomeOf(requestId)));
      const done = executed.filter(({ outcome }) => outcome === 'done').map((one) => one.commandNumber);
      console.log(
        `seed ${seed}: ${started} commands, ${answered} answered, ${killed} killed;`,
        `${changes.length} changing requests, ${unanswered.length} unanswered, of them ${changes.length - done.length} not executed`,
      );
      expect(new Set(done).size, `CDCTL_KILL_SEED=${seed}`).toBe(done.length);
      expect((await commandNumber()) - before).toBe(done.length);
      expect(killed).toBeGreaterThan(0.4 * started);
      // Were the array down for most of it, the others would tell nothing.
      expect(answered).toBeGreaterThan(0.1 * started);

      // The hosts that died send their requests again: those that were executed are answered, the others executed now.
      for (const change of unanswered) {
        await expect(
          client.call('pair.split', { header: { group: change.group }, rows: [] }, { requestId: change.requestId }),
        ).rejects.toMatchObject({ status: 'not-found', message: expect.stringContaining(change.group) });
      }
      expect((await commandNumber()) - before).toBe(changes.length);
    },
    60_000 + COMMANDS * TIMEOUT_PER_COMMAND_MS,
  );

  it('does not repeat a change that is sent again after its effect was undone', async () => {
    const create = ['pair.create', ...fields({ group: 'oradb', pair: 'data', role: 'primary', primaryLun: 10 })];
    create.push(...fields({ auxiliaryLun: 10, primaryJournalLun: 20, auxiliaryJournalLun: 20 }));
    create.push(...fields({ primarySerial: 'TK000001', auxiliarySerial: 'OS000001' }));
    const remove = ['pair.delete', ...fields({ group: 'oradb' })];
    const requestId = randomBytes(16).toString('hex');
    const send = async (site: Site, request: readonly string[], ...more: string[]): Promise<unknown> =>
      JSON.parse(
        (await lab.run(site, 'block', 'send', 'tokyo', ...request, ...more, '--confirm', 'tokyo', '--json')).stdout,
      );
    expect(await send('tokyo', create)).toMatchObject({ changed: true });
    const first = await send('tokyo', remove, '--request-id', requestId);
    expect(first).toMatchObject({ changed: true });
    expect(await send('osaka', create)).toMatchObject({ changed: true });
    expect(await send('osaka', remove, '--request-id', requestId)).toEqual(first);
    expect(await send('tokyo', create)).toMatchObject({ changed: false });
  });
});

function fields(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
}
