import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ended, lineOf, program, start, temporaryDirectory } from './support/run-program.ts';

/** A real array in a real directory, killed; the cases build on each other. */

const place = temporaryDirectory();
const directory = join(place.path, 'kyoto');
const store = join(directory, 'store');

function contents(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(store).toSorted()) {
    const { mtimeMs, size } = statSync(join(store, name));
    hash.update(`${name} ${mtimeMs} ${size}`).update(readFileSync(join(store, name)));
  }
  return hash.digest('hex');
}

const init = ['--name', 'kyoto', '--serial', 'KY000001', '--command-device', '0', '--volume', '10:data:1MiB'];

beforeAll(async () => {
  expect((await program(['array', 'init', directory, ...init, '--journal', '20:journal:1MiB'])).code).toBe(0);
});

afterAll(() => place.remove());

it.each([['check'], ['audit', 'verify'], ['audit', 'show']])(
  'says that an array which was never served has no storage: array %s',
  async (...words) => {
    const { code, stderr } = await program(['array', ...words, directory]);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/never been served/)]);
  },
);

it('misses a noted record where the storage was taken away', async () => {
  const anchor = `7:${'ab'.repeat(32)}`;
  const { code, stdout } = await program(['--json', 'array', 'audit', 'verify', directory, '--anchor', anchor]);
  expect([code, stdout]).toEqual([1, expect.stringContaining('records 1 to 7 are missing')]);
});

it.each([['verify'], ['show']])(
  'does not call an audit whole of which no file is there: array audit %s',
  async (word) => {
    mkdirSync(store);
    const { code, stderr } = await program(['array', 'audit', word, directory]);
    rmdirSync(store);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/the array has no audit/)]);
  },
);

it('is refused while the array runs, and finds it sound after kill -9', async () => {
  const array = start(['array', 'serve', directory, '--listen', '127.0.0.1:0']);
  const gone = ended(array);
  await lineOf(array, (line) => line.includes('KY000001'));
  const running = await program(['array', 'check', directory]);
  expect([running.code, running.stderr]).toEqual([7, expect.stringMatching(/array serve .* holds it/)]);
  array.kill('SIGKILL');
  await gone;
  const before = contents();
  const { code, stdout } = await program(['--json', 'array', 'check', directory]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    schema: 'cdctl/array.check/v1',
    sound: true,
    serial: 'KY000001',
    volumes: 1,
    journals: 1,
    findings: [],
  });
  expect(contents()).toBe(before);
});

it('ends with its own exit code and says what, where, what it means and what to do', async () => {
  const log = join(store, 'state');
  const bytes = readFileSync(log);
  writeFileSync(log, Buffer.concat([bytes.subarray(0, 20), Buffer.from('\u001b[2J'), bytes.subarray(24)]));
  const before = contents();
  const text = await program(['array', 'check', directory]);
  expect(text.code).toBe(11);
  expect(text.stdout).toMatch(/^damage {2}state, byte 0: .*\n +means: .*\n +do: {4}.*\ndamaged {2}kyoto/);
  const { stdout } = await program(['--json', 'array', 'check', directory]);
  const [finding] = (JSON.parse(stdout) as { findings: object[] }).findings;
  expect(finding).toMatchObject({ severity: 'damage', file: 'state', offset: 0 });
  expect(contents()).toBe(before);
});

it('is not served as it is, and that is no mistake of the program', async () => {
  const before = contents();
  const { code, stderr } = await program(['array', 'serve', directory, '--listen', '127.0.0.1:0']);
  expect(code).toBe(11);
  expect(stderr).toMatch(
    /storage of array kyoto cannot be used[^]*the record at byte 0 is damaged[^]*cdctl array check/,
  );
  expect(contents()).toBe(before);
});

it('refuses a description of a later format in words', async () => {
  const file = join(directory, 'array.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('format: 1', 'format: 2'));
  const { code, stderr } = await program(['array', 'check', directory]);
  expect([code, stderr]).toEqual([3, expect.stringMatching(/format 2 is unknown to this version/)]);
});
