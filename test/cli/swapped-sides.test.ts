import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { program, temporaryDirectory, type Ended } from './support/run-program.ts';

/** What an operator says of the wrong side. The cases build on each other. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const image = join(place.path, 'image');
const at = (site: string): Record<string, string> => ({ CDCTL_CONFIG: join(lab, `${site}.yaml`) });

function cdctl(argv: readonly string[], site = 'tokyo'): Promise<Ended> {
  return program(argv, at(site));
}

beforeAll(async () => {
  writeFileSync(image, new Uint8Array(4096).fill(7));
  const up = await cdctl(['lab', 'up', '--directory', lab, '--volume-size', '1MiB', '--journal-size', '16MiB']);
  expect(up.code).toBe(0);
  const written = await cdctl(['lun', 'write', 'tokyo/data', '--input', image, '--confirm', 'tokyo/data']);
  expect(written.code).toBe(0);
});

afterAll(async () => {
  await program(['lab', 'down', '--directory', lab]);
  place.remove();
});

it('does not copy an empty volume over one that holds data because the sides were mistaken', async () => {
  const { code, stderr } = await cdctl(['pair', 'create', 'oradb', '--primary', 'osaka']);
  expect(code).toBe(8);
  expect(stderr).toContain('data: LUN 10 of tokyo holds');
  expect(stderr).toContain('--primary tokyo copies the other way');
  expect((await cdctl(['pair', 'check', 'oradb', '--state', 'absent'])).code).toBe(0);
  const kept = join(place.path, 'kept');
  expect((await cdctl(['lun', 'read', 'tokyo/data', '--count', '8', '--output', kept])).code).toBe(0);
  expect(readFileSync(kept)).toEqual(readFileSync(image));
});

it('does so where that was confirmed by name', async () => {
  const create = ['pair', 'create', 'oradb', '--primary', 'osaka', '--confirm', 'oradb'];
  expect((await cdctl(create)).code).toBe(0);
  expect((await cdctl(['replicate', 'oradb', '--until-empty'])).code).toBe(0);
});
