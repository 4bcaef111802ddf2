import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ended, lineOf, program, start, temporaryDirectory } from './support/run-program.ts';

/** A real array in a real directory, of whose volumes one has a damaged map. */

const place = temporaryDirectory();
const directory = join(place.path, 'kyoto');
const map = join(directory, 'store', 'lun-10.map');
const listen = ['--listen', '127.0.0.1:0'];

/** Until it has said that it is ready, and `work` is done. */
async function whileServed(work: () => Promise<void>, ...more: string[]): Promise<void> {
  const array = start(['array', 'serve', directory, ...listen, ...more]);
  const gone = ended(array);
  try {
    await lineOf(array, (line) => line.includes('KY000001'));
    await work();
  } finally {
    array.kill('SIGTERM');
    await gone;
  }
}

/** The first sector of a map in which two chunks have one slot (src/array/README.md, "guarded file"). */
function twoInOneSlot(): Uint8Array {
  const sector = Buffer.alloc(512);
  sector.writeUInt32BE(1, 0);
  sector.writeUInt32BE(1, 4);
  sector.writeUInt32BE(99, 504);
  sector.writeUInt32BE(crc32(sector.subarray(0, 508)), 508);
  return sector;
}

beforeAll(async () => {
  const volumes = ['--volume', '10:data:1MiB', '--volume', '11:log:1MiB', '--journal', '20:journal:1MiB'];
  const init = ['--name', 'kyoto', '--serial', 'KY000001', '--command-device', '0', ...volumes];
  expect(await program(['array', 'init', directory, ...init])).toMatchObject({ code: 0 });
  await whileServed(async () => undefined);
});

afterAll(() => place.remove());

it('is not served before it is told to leave the volume out, and then without that one', async () => {
  const sound = readFileSync(map);
  writeFileSync(map, twoInOneSlot());
  const refused = await program(['array', 'serve', directory, ...listen]);
  expect(refused.code).toBe(11);
  expect(refused.stderr).toMatch(/lun-10\.map[^]*--leave-out LUN/);

  const leave = ['--leave-out', '10'];
  await whileServed(
    async () => {
      const shown = await program(['array', 'show', directory, '--json']);
      const { array } = JSON.parse(shown.stdout) as { array: { backings: object[] } };
      expect(array.backings).toMatchObject([{ lun: 10, condition: 'away' }]);
      expect((await program(['array', 'show', directory])).stdout).toMatch(/without this volume \(--leave-out\)/);
    },
    ...leave,
  );
  const told = await program(['array', 'audit', 'show', directory]);
  expect(told.stdout).toMatch(/volumes left out: nothing, now \[10\]/);

  writeFileSync(map, sound);
  await whileServed(async () => {
    const shown = await program(['array', 'show', directory, '--json']);
    expect((JSON.parse(shown.stdout) as { array: { backings: object[] } }).array.backings).toEqual([]);
  });
});

it.each([
  ['20', /LUN 20 is no volume in files/],
  ['all', /"all" names no LUNs/],
])('does not leave out %s', async (luns, words) => {
  const refused = await program(['array', 'serve', directory, ...listen, '--leave-out', luns]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(words);
});
