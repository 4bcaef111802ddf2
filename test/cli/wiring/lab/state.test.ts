import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { labPlace, readState } from '../../../../src/cli/wiring/lab/state.ts';
import { temporaryDirectory } from '../../support/run-program.ts';

let place: ReturnType<typeof temporaryDirectory>;
const before = process.env['TMPDIR'];

beforeEach(() => {
  place = temporaryDirectory();
  process.env['TMPDIR'] = place.path;
});

afterEach(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  place.remove();
});

const STATE = '{"version":1,"directory":"/","temporary":true,"arrays":[]}';

it('the lab without a name is believed only where nobody else can have made it', async () => {
  const { directory } = labPlace(undefined);
  expect(await readState(directory)).toBeUndefined();
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, 'lab.json'), STATE);
  expect(await readState(directory)).toMatchObject({ version: 1 });
  const refused = { exit: 'configuration', text: { where: directory } };
  chmodSync(directory, 0o777);
  await expect(readState(directory)).rejects.toMatchObject(refused);
  rmSync(directory, { recursive: true });
  const elsewhere = join(place.path, 'elsewhere');
  mkdirSync(elsewhere, { mode: 0o700 });
  writeFileSync(join(elsewhere, 'lab.json'), STATE);
  symlinkSync(elsewhere, directory);
  await expect(readState(directory)).rejects.toMatchObject(refused);
  expect(await readState(elsewhere), 'a directory that was named').toMatchObject({ version: 1 });
});
