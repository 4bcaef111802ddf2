import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { render, renderEvent } from '../../src/cli/render/lab-demo.ts';
import { createView } from '../../src/cli/render/view.ts';
import { ended, lineOf, program, start, temporaryDirectory, type Ended } from './support/run-program.ts';

/** The demonstration as a whole, with real processes; whatever happens to it, nothing of it stays. */

const place = temporaryDirectory();
afterAll(() => place.remove());

/** What JSON.parse gives: the assertions say what must be in it. */
type Data = any;

/** A place of its own for each run, so that what is left in it can be counted. */
function stage(name: string): { readonly directory: string; readonly environment: Record<string, string> } {
  const directory = join(place.path, name);
  mkdirSync(directory);
  return { directory, environment: { TMPDIR: directory } };
}

function events(ran: Ended): Data[] {
  return ran.stdout
    .trimEnd()
    .split('\n')
    .map((line): Data => JSON.parse(line));
}

/** A process is gone when the kernel has no command line of it any more: a zombie has none either. */
function runs(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  return existsSync(file) && readFileSync(file, 'utf8').includes('cdctl');
}

function pidsOf(story: readonly Data[]): number[] {
  const arrays = story
    .filter(({ event }) => event === 'arrays')
    .flatMap(({ lab }) => lab.arrays.map(({ pid }: Data) => pid));
  return [...arrays, ...story.filter(({ event }) => event === 'host-started').map(({ pid }) => pid)];
}

const eventNames = (story: readonly Data[]): string[] => story.map(({ event }) => event);

describe('lab demo', () => {
  it('tells the whole story with --json, and every claim in it is a fact', async () => {
    const { directory, environment } = stage('whole');
    const file = join(place.path, 'image');
    // Neither a whole number of blocks nor of chunks.
    writeFileSync(file, randomBytes(3 * 2 ** 20 + 12_345));
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');

    const ran = await program(['lab', 'demo', '--json', '--file', file], environment);
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    const story = events(ran);
    const end = story.at(-1)!;
    const one = (name: string): Data => story.find(({ event }) => event === name)!;

    expect(new Set(story.map(({ schema }) => schema))).toEqual(new Set(['cdctl/lab.demo/v1']));
    expect(eventNames(story).filter((name) => !['block', 'cycle', 'chapter'].includes(name))).toEqual([
      'hello',
      'arrays',
      'loaded',
      'host-started',
      'host-killed',
      'journals',
      'swapped',
      'proved',
      'refused',
      'host-started',
      'host-ended',
      'proved',
      'cleaned',
      'end',
    ]);
    expect(one('loaded')).toMatchObject({ sha256, byteLength: 3 * 2 ** 20 + 12_345, beginning: false });
    expect(story.filter(({ event }) => event === 'proved').map((proof) => [proof.array, proof.sha256])).toEqual([
      ['osaka', sha256],
      ['tokyo', sha256],
    ]);
    expect(one('refused').answer).toContain('7/27/00');
    expect(one('swapped').primary).toBe('osaka');
    expect(one('host-killed').acknowledged).toBe(end.acknowledged.tokyo);
    expect(end).toMatchObject({ ok: true, file: { sha256 } });
    // Every place was written at least once, and all that tokyo acknowledged while it was primary is accounted for.
    expect(end.proofs[0].compared + end.proofs[0].unacknowledged).toBeGreaterThan(100);
    expect(end.acknowledged.osaka).toBeGreaterThanOrEqual(300);

    theSameIsToldOnAPlainTerminal(story);
    everyBlockTookTheOnlyWayThereIs(story);
    theJournalHeldWhatNoCycleHadCarriedOver(story);
    expect(pidsOf(story).filter(runs)).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  }, 60_000);

  /** 60 columns and a locale without UTF-8: no line is longer but for a word that is, and no character is lost. */
  function theSameIsToldOnAPlainTerminal(story: readonly Data[]): void {
    const view = createView({ isTTY: false, columns: 60 }, { LC_ALL: 'C' }, 'never');
    const told = story.slice(0, -1).map((event) => ({ event, text: renderEvent(event, view) }));
    expect(told.filter(({ text }) => text !== undefined && !/^[\x20-\x7e\n]*$/.test(text))).toEqual([]);
    expect(told.filter(({ event, text }) => text === undefined && event.kind !== 'sent')).toEqual([]);
    const prose = told.filter(({ event }) => !['block', 'cycle', 'arrays', 'journals'].includes(event.event));
    const lines = [...prose.map(({ text }) => text), render(story.at(-1), view)].flatMap((text) => text!.split('\n'));
    expect(lines.filter((line) => line.length > 60 && line.trim().split(' ').length > 2)).toEqual([]);
  }

  function everyBlockTookTheOnlyWayThereIs(story: readonly Data[]): void {
    const end = story.at(-1)!;
    const sent = story.filter(({ event, kind }) => event === 'block' && kind === 'sent');
    const answered = new Set(
      story.filter(({ event, kind }) => event === 'block' && kind === 'answered').map(({ requestId }) => requestId),
    );
    expect(sent.filter(({ requestId }) => !answered.has(requestId))).toEqual([]);
    expect(sent.length).toBe(end.blocks.sent);
    // LUN 0 is the array's own command device, LUN 1 the other one's: there is no path to the far array but through the near one.
    expect(sent.filter(({ array, through, lun }) => lun !== (array === through ? 0 : 1))).toEqual([]);
    const ways = new Set(sent.map(({ array, through }) => `${through} to ${array}`));
    expect(ways).toEqual(new Set(['tokyo to tokyo', 'tokyo to osaka', 'osaka to osaka', 'osaka to tokyo']));
    const swaps = sent.filter(({ process }) => process === 'pair.swap');
    expect(swaps.map(({ array, through, processNumber }) => [array, through, processNumber])).toEqual([
      ['tokyo', 'osaka', 0x15],
      ['osaka', 'osaka', 0x15],
    ]);
  }

  function theJournalHeldWhatNoCycleHadCarriedOver(story: readonly Data[]): void {
    const { observation } = story.find(({ event }) => event === 'journals')!;
    const journals: Data = Object.fromEntries(observation.sides.map(({ array, journal }: Data) => [array, journal]));
    expect(journals.tokyo).toMatchObject({ role: 'primary', state: 'pair' });
    expect(journals.tokyo.journalInSequence - 1).toBeGreaterThan(journals.osaka.readSequence);
    expect(story.find(({ event }) => event === 'swapped')!.sequence).toBe(journals.tokyo.journalInSequence - 1);
  }

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'takes everything down when it gets %s',
    async (signal) => {
      const { directory, environment } = stage(signal);
      const child = start(['lab', 'demo', '--json'], environment);
      const whole = ended(child);
      await lineOf(child, (line) => line.includes('"event":"host-started"'));
      child.kill(signal);
      const ran = await whole;
      const story = events(ran);
      expect(ran.code).toBe(9);
      expect(story.at(-1)).toMatchObject({ event: 'end', ok: false, error: { class: 'partial' } });
      expect(pidsOf(story)).toHaveLength(3);
      expect(pidsOf(story).filter(runs)).toEqual([]);
      expect(readdirSync(directory)).toEqual([]);
    },
    60_000,
  );

  it('takes everything down when an array dies under it', async () => {
    const { directory, environment } = stage('fault');
    const child = start(['lab', 'demo', '--json', '--timeout', '3s'], environment);
    const whole = ended(child);
    const started = await lineOf(child, (line) => line.includes('"event":"arrays"'));
    const tokyo = JSON.parse(started).lab.arrays[0];
    await lineOf(child, (line) => line.includes('"event":"host-started"'));
    process.kill(tokyo.pid, 'SIGKILL');
    const ran = await whole;
    const story = events(ran);
    expect([4, 5, 6, 10]).toContain(ran.code);
    expect(story.at(-1)).toMatchObject({ event: 'end', ok: false });
    expect(pidsOf(story).filter(runs)).toEqual([]);
    expect(readdirSync(directory)).toEqual([]);
  }, 60_000);

  it('lets its host end when it is killed itself', async () => {
    const { directory, environment } = stage('orphan');
    const child = start(['lab', 'demo', '--json'], environment);
    const host = JSON.parse(await lineOf(child, (line) => line.includes('"event":"host-started"')));
    const whole = ended(child);
    child.kill('SIGKILL');
    await whole;
    await expect.poll(() => runs(host.pid), { timeout: 20_000 }).toBe(false);
    const [lab] = readdirSync(directory);
    expect((await program(['lab', 'down', '--directory', join(directory, lab!)])).code).toBe(0);
  }, 60_000);

  it.each([
    ['no file', '/nonexistent/file', 'ENOENT'],
    ['a directory', '/', 'no regular file'],
    ['a device', '/dev/null', 'no regular file'],
  ])('refuses %s before it starts anything', async (_, path, why) => {
    const { directory, environment } = stage(path.replaceAll('/', '-'));
    const ran = await program(['lab', 'demo', '--file', path], environment);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain(why);
    expect(readdirSync(directory)).toEqual([]);
  });
});
