import * as fs from 'node:fs';
import { join } from 'node:path';
import { createArray, type EmulatedArray } from '../../../src/array/array.ts';
import { checkStorage } from '../../../src/array/check/check-array.ts';
import { parseArrayFile } from '../../../src/cli/config/array-file.ts';
import { createArrayClient } from '../../../src/host/array-client.ts';
import { operationsOf, type JournalStatus } from '../../../src/host/operations.ts';
import { createFileStorage } from '../../../src/lun/file-storage.ts';
import { LunError, type LunOpener } from '../../../src/lun/lun.ts';
import { createRealClock } from '../../../src/lun/real-clock.ts';
import { createRealRandom } from '../../../src/lun/real-random.ts';
import { createScsiLun } from '../../support/scsi-lun.ts';

/** What one side is after the power came back. */
export interface Recovered {
  readonly name: string;
  readonly journal: JournalStatus;
  readonly contents: ReadonlyMap<number, Buffer>;
}

const clock = createRealClock();
const random = createRealRandom();

/**
 * Starts the array whose directory that is, in this process and without its peer; reads it, and stops it. Rejects where a
 * check of its storage calls anything damage that a cut has left.
 */
export async function recover(
  directory: string,
  group: string,
  volumes: readonly number[],
  sectors: number,
): Promise<Recovered> {
  const file = join(directory, 'array.yaml');
  const description = parseArrayFile(fs.readFileSync(file, 'utf8'), file);
  const alone: LunOpener = {
    open: (path) => Promise.reject(new LunError('no-path', path, `${path}: the peer is not started`)),
  };
  const storage = createFileStorage(join(directory, 'store'));
  const damage = checkStorage(description, storage).findings.filter(({ severity }) => severity === 'damage');
  if (damage.length > 0) throw new Error(`${description.name}: ${JSON.stringify(damage)}`);
  const array = await createArray({
    description,
    storage,
    clock,
    random,
    opener: alone,
    version: '0.0.0',
  });
  try {
    return { name: description.name, ...(await examine(array, group, volumes, sectors)) };
  } finally {
    await array.stop();
  }
}

async function examine(
  array: EmulatedArray,
  group: string,
  volumes: readonly number[],
  sectors: number,
): Promise<Omit<Recovered, 'name'>> {
  const lunOf = (lun: number) => createScsiLun(`memory:${lun}`, () => array.deviceServer, lun, 'host');
  const client = createArrayClient({
    array: array.name,
    serial: array.serial,
    paths: ['memory:0'],
    opener: { open: async () => lunOf(0) },
    clock,
    random,
    host: 'test',
    timeoutMs: 10_000,
  });
  const contents = new Map<number, Buffer>();
  for (const volume of volumes) {
    const lun = lunOf(volume);
    await lun.capacity();
    contents.set(volume, Buffer.from(await lun.read(0, sectors)));
  }
  return { journal: await operationsOf(client).showJournal(group), contents };
}
