import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ended, program, start, temporaryDirectory, type Ended } from './support/run-program.ts';

/** One service for two groups, of which one comes to need a person. The cases build on each other. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const both = join(place.path, 'both.yaml');
const image = join(place.path, 'image');

async function cdctl(...argv: string[]): Promise<Ended> {
  const result = await program(argv, { CDCTL_CONFIG: both });
  expect([argv.join(' '), result.code, result.stderr]).toEqual([argv.join(' '), 0, '']);
  return result;
}

beforeAll(async () => {
  await cdctl('lab', 'up', '--directory', lab, '--volume-size', '1MiB', '--journal-size', '16MiB');
  for (const array of ['tokyo', 'osaka']) {
    const add = ['array', 'volume', 'add', join(lab, array)];
    await cdctl(...add, '--lun', '12', '--name', 'more', '--size', '1MiB');
    await cdctl(...add, '--lun', '21', '--name', 'journal-2', '--size', '16MiB', '--kind', 'journal');
  }
  const site = readFileSync(join(lab, 'tokyo.yaml'), 'utf8');
  const osaka = /portal: (.*)/.exec(readFileSync(join(lab, 'osaka.yaml'), 'utf8'))![1]!;
  const more = '  second: { journals: { tokyo: 21, osaka: 21 }, pairs: { more: { tokyo: 12, osaka: 12 } } }\n';
  writeFileSync(both, `${site.replace('serial: OS000001', `serial: OS000001\n    portal: ${osaka}`)}${more}`);
  writeFileSync(image, new Uint8Array(4096).fill(7));
  for (const group of ['oradb', 'second']) await cdctl('pair', 'create', group, '--primary', 'tokyo');
  await cdctl('replicate', 'oradb', 'second', '--until-empty');
});

afterAll(async () => {
  await program(['lab', 'down', '--directory', lab]);
  place.remove();
});

interface Event {
  readonly event: string;
  readonly group: string;
  readonly error?: { readonly class: string };
}

function service() {
  const child = start(['replicate', 'oradb', 'second', '--interval', '100ms', '--json'], { CDCTL_CONFIG: both });
  const end = ended(child);
  const waiting = new Set<(event: Event) => void>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    for (const look of waiting) look(JSON.parse(line) as Event);
  });
  /** From now on. */
  const next = (wanted: (event: Event) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (event: Event): void => {
        if (!wanted(event)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      void end.then(({ stdout }) => reject(new Error(`it ended first: ${stdout.slice(-400)}`)));
    });
  return { child, end, next };
}

/** Each side takes a write that the other does not get. */
async function divide(group: string, lun: string, at = 'osaka'): Promise<void> {
  await cdctl('takeover', group, '--at', at, '--peer-is-lost', '--confirm', group);
  for (const array of ['tokyo', 'osaka']) {
    const name = `${array}/${lun}`;
    await cdctl('lun', 'write', name, '--input', image, '--confirm', name);
  }
}

const isUnsafe = (group: string) => (event: Event) =>
  event.group === group && event.event === 'cycle-failed' && event.error?.class === 'unsafe';

it('serves a group again that a person has helped, while the other went on', async () => {
  const loop = service();
  await loop.next(({ event, group }) => event === 'cycle-done' && group === 'oradb');
  const refused = loop.next(isUnsafe('oradb'));
  await divide('oradb', 'data');
  await refused;
  await loop.next(({ event, group }) => event === 'cycle-done' && group === 'second');
  const served = loop.next(({ event, group }) => event === 'cycle-done' && group === 'oradb');
  await cdctl('pair', 'resync', 'oradb', '--from', 'osaka', '--discard', 'tokyo', '--confirm', 'oradb');
  await served;
  loop.child.kill('SIGTERM');
  expect((await loop.end).code).toBe(0);
});

it('ends once every group needs a person, and says so', async () => {
  await divide('second', 'more');
  const loop = service();
  const refused = loop.next(isUnsafe('second'));
  await refused;
  await divide('oradb', 'data', 'tokyo');
  const { code, stdout } = await loop.end;
  expect(code).toBe(8);
  const end = JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as {
    ok: boolean;
    groups: { error: { class: string } }[];
  };
  expect([end.ok, ...end.groups.map(({ error }) => error.class)]).toEqual([false, 'unsafe', 'unsafe']);
});

it('dissolves a pair that the configuration names no longer, by the name that the arrays have', async () => {
  const less = join(place.path, 'less.yaml');
  writeFileSync(less, readFileSync(both, 'utf8').replace(/^ {6}log: .*\n/m, ''));
  const one = (pair: string) =>
    program(['pair', 'delete', `oradb/${pair}`, '--confirm', `oradb/${pair}`], { CDCTL_CONFIG: less });
  expect((await one('nothing')).code).toBe(2);
  expect(await one('log')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('pair.delete at osaka') as string,
  });
});
