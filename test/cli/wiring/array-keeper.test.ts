import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CliError } from '../../../src/cli/cli-error.ts';
import { describeArray } from '../../../src/cli/describe-array.ts';
import { createArrayKeeper } from '../../../src/cli/wiring/array-keeper.ts';
import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { temporaryDirectory } from '../support/run-program.ts';

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(() => place.remove());

it('lets one of several that describe an array in one directory at once have it, and refuses the others', async () => {
  const directory = join(place.path, 'kyoto');
  const keeper = createArrayKeeper({ clock: createRealClock(), random: createRealRandom(), version: '0' });
  const serials = ['KY000001', 'KY000002', 'KY000003', 'KY000004'];
  const ends = await Promise.allSettled(
    serials.map((serial) =>
      keeper.init(
        directory,
        describeArray({ name: 'kyoto', serial, listen: '127.0.0.1:0', commandDevice: ['0'], blockSize: '512' }),
      ),
    ),
  );
  const winners = serials.filter((_, index) => ends[index]!.status === 'fulfilled');
  expect(winners).toHaveLength(1);
  for (const end of ends) {
    if (end.status === 'fulfilled') continue;
    expect(end.reason).toBeInstanceOf(CliError);
    expect(['busy', 'unsafe']).toContain((end.reason as CliError).exit);
  }
  expect(readFileSync(join(directory, 'array.yaml'), 'utf8')).toContain(`serial: ${winners[0]}\n`);
  expect(readdirSync(directory)).toEqual(['array.yaml']);
});
